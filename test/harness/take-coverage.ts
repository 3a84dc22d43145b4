import { takeCoverage } from 'node:v8';
import { afterAll } from 'vitest';

// Vitest ends its workers by force, before Node would write down what they ran: see
// scripts/coverage.ts.
afterAll(() => takeCoverage());
