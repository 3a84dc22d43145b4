import { expect, it } from 'vitest';
import { diffFunctions } from '../../scripts/function-diff.ts';
import { diffMigrationsToSchema } from '../../scripts/schema-diff.ts';

it('the migrations lead to exactly what schema.prisma describes', async () => {
  expect(await diffMigrationsToSchema(), 'npm run migrate:new NAME writes what is missing').toBeNull();
});

it('the functions in the database are those in prisma/functions', async () => {
  const differing = (await diffFunctions('')).map(({ name }) => name);
  expect(differing, 'npm run migrate:new NAME writes what is missing').toEqual([]);
});
