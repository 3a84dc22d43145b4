import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// The processes of the tests, and the servers that they start, compile a module once.
if (!process.env.NODE_V8_COVERAGE) {
  process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, '.meterr/compile-cache');
}

/** What is asked through the doors alone is asked twice: of `app.fetch`, and over a real socket. */
const THROUGH_DOORS = ['test/doors/**/*.test.ts'];
const GLOBAL_SETUP = 'test/harness/global-setup.ts';
/** What needs no PostgreSQL. */
const PURE = ['test/pure/**/*.test.ts', 'test/house.test.ts'];

export default defineConfig({
  root: import.meta.dirname,
  test: {
    pool: 'forks',
    maxWorkers: 2,
    // A process runs many files, one after the other: half of the time went into starting one for each.
    isolate: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Node runs the files as they are, as it does in production: nothing is bundled or transformed for tests.
    experimental: { viteModuleRunner: false, nodeLoader: false },
    // Set by `npm run coverage`.
    setupFiles: process.env.NODE_V8_COVERAGE ? ['test/harness/take-coverage.ts'] : [],
    projects: [
      { extends: true, test: { name: 'pure', include: PURE } },
      {
        extends: true,
        test: {
          name: 'fetch',
          include: ['test/**/*.test.ts'],
          exclude: PURE,
          globalSetup: [GLOBAL_SETUP],
          provide: { through: 'fetch' },
        },
      },
      {
        extends: true,
        test: { name: 'socket', include: THROUGH_DOORS, globalSetup: [GLOBAL_SETUP], provide: { through: 'socket' } },
      },
    ],
  },
});
