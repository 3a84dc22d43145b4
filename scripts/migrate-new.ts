import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LOCK_TEXT, PRISMA_FOLDER } from '../src/platform/postgres/migrate/schema-engine.ts';
import { nextMigration } from './next-migration.ts';

// npm run migrate:new NAME writes prisma/migrations/<time>_NAME/migration.sql: what schema.prisma
// and functions/ have over the migrations so far. It applies nothing. Read the file, add what
// Prisma cannot say (BRIN and partial indexes, settings of tables), then commit it.

const LOCK_FILE = join(PRISMA_FOLDER, 'migrations/migration_lock.toml');

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

const name = process.argv
  .slice(2)
  .join('_')
  .toLowerCase()
  .replaceAll(/[^a-z0-9]+/g, '_')
  .replaceAll(/^_+|_+$/g, '');
if (!name) fail('Usage: npm run migrate:new NAME   (NAME says what the database gains: "team_budgets")');
const sql = await nextMigration().catch((error: Error) => fail(`No migration was written: ${error.message}`));
if (sql === null) {
  process.stdout.write('The migrations agree with prisma/schema.prisma and prisma/functions: nothing was written.\n');
} else {
  const stamp = new Date().toISOString().replaceAll(/\D/g, '').slice(0, 14);
  const folder = join(PRISMA_FOLDER, 'migrations', `${stamp}_${name}`);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'migration.sql'), sql);
  if (!existsSync(LOCK_FILE)) await writeFile(LOCK_FILE, LOCK_TEXT);
  process.stdout.write(`${join('prisma/migrations', `${stamp}_${name}`, 'migration.sql')}\n`);
}
// PGlite leaves a timer of ten seconds behind.
process.exit(0);
