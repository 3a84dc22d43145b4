import { diffFunctions } from './function-diff.ts';
import { diffMigrationsToSchema } from './schema-diff.ts';

const CREATES_BEGIN = `-- These functions differ, and are created in the text of prisma/functions. They may call one another,
-- so their bodies are not checked here.
SET check_function_bodies = off;`;
const CREATES_END = 'RESET check_function_bodies;';
const DROPS_BEGIN = '-- These functions are gone, or differ in a way that CREATE OR REPLACE refuses.';

/**
 * The SQL of the next migration, which leads from the migrations so far to prisma/schema.prisma and
 * prisma/functions; null when they agree.
 * @throws Error saying which file is wrong, or what PostgreSQL refuses
 */
export async function nextMigration(): Promise<string | null> {
  const tables = await diffMigrationsToSchema();
  const changes = await diffFunctions(tables ?? '');
  const drops = changes.flatMap((change) => change.drops);
  const creates = changes.flatMap(({ create }) => create ?? []);
  const parts = [
    ...(drops.length > 0 ? [[DROPS_BEGIN, ...drops].join('\n')] : []),
    ...(tables === null ? [] : [tables.trim()]),
    ...(creates.length > 0 ? [CREATES_BEGIN, ...creates, CREATES_END] : []),
  ];
  return parts.length > 0 ? `${parts.join('\n\n')}\n` : null;
}
