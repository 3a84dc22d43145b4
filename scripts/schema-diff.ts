import { PGlite } from '@electric-sql/pglite';
import { PrismaPGlite } from 'pglite-prisma-adapter';
import { readMigrations, readSchema, withSchemaEngine } from '../src/platform/postgres/migrate/schema-engine.ts';

/**
 * The SQL that leads from the migrations to schema.prisma; null when they agree. Over PGlite,
 * because the engine cannot read a live schema over `@prisma/adapter-pg` (it does not know the
 * catalog type `"char"`).
 */
export async function diffMigrationsToSchema(): Promise<string | null> {
  const database = new PGlite();
  const to = { tag: 'schemaDatamodel' as const, files: [await readSchema()] };
  const from = { tag: 'migrations' as const, ...(await readMigrations()) };
  const filters = { externalTables: [], externalEnums: [] };
  try {
    const { exitCode, stdout } = await withSchemaEngine(new PrismaPGlite(database), (engine) =>
      engine.diff({ from, to, filters, script: true, exitCode: true }),
    );
    return exitCode === 0 ? null : (stdout ?? '');
  } finally {
    await database.close();
  }
}
