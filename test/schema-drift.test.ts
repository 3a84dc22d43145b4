import { expect, it } from 'vitest';
import { diffMigrationsToSchema } from '../scripts/schema-diff.ts';

it('the migrations lead to exactly what schema.prisma describes', async () => {
  expect(await diffMigrationsToSchema()).toBeNull();
});
