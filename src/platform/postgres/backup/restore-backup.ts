import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { AppError } from '../../errors.ts';
import { applyMigrations } from '../migrate/apply-migrations.ts';
import { MIGRATIONS_LOCK, matches } from '../migrate/migrate.ts';
import { requireMigrations } from '../migrate/require-migrations.ts';
import { requireServer } from '../migrate/require-server.ts';
import { readMigrations } from '../migrate/schema-engine.ts';
import { sessionNameOf } from '../migrate/schema-guard.ts';
import { quoted } from './list-tables.ts';
import { loadBackup } from './load-backup.ts';
import type { BackupFile } from './read-backup-file.ts';
import type { BackupSummary } from './write-backup.ts';

/** How long a session may take to end, as that of a restore that was killed. */
const OTHERS_END_WITHIN_MS = 2_000;
const POLL_MS = 100;
const OTHERS = `
  SELECT FROM pg_stat_activity
   WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
     AND backend_type = 'client backend' LIMIT 1`;

/**
 * Refuses a backup with a migration that this Meterr does not have, or has with another text.
 * @throws AppError unavailable, naming the file
 */
export async function requireKnownMigrations({ path, header }: BackupFile): Promise<void> {
  const { migrationDirectories } = await readMigrations();
  for (const { name, checksum } of header.migrations) {
    const known = migrationDirectories.find((migration) => migration.path === name);
    if (known && matches(known, checksum)) continue;
    const what = known ? `another text of the migration ${name}` : `the migration ${name}, which is not known here`;
    const message = `${path} was made by Meterr ${header.meterr} and has ${what}: restore it with the Meterr that made it, or a newer one.`;
    throw new AppError('unavailable', message);
  }
}

async function requireWritable(client: pg.Client, where: string): Promise<void> {
  const { rows } = await client.query<{ isReadOnly: boolean }>(
    `SELECT current_setting('transaction_read_only') = 'on' AS "isReadOnly"`,
  );
  if (!rows[0]?.isReadOnly) return;
  throw new AppError(
    'unavailable',
    `The database ${where} is a standby or read-only: restore into one that can be written.`,
  );
}

/** A server that runs on the database would remember what was there before. */
async function requireAlone(client: pg.Client, where: string): Promise<void> {
  const deadline = performance.now() + OTHERS_END_WITHIN_MS;
  while ((await client.query(OTHERS)).rows.length > 0) {
    if (performance.now() > deadline) {
      throw new AppError('unavailable', `Another program uses the database ${where}: stop Meterr there first.`);
    }
    await sleep(POLL_MS);
  }
}

/** Brings an empty database to the migrations of the backup, or leaves it there. */
async function migrateTo(client: pg.Client, { header }: BackupFile, where: string, signal: AbortSignal): Promise<void> {
  const applied = await requireMigrations(client, where, ['none', 'behind', 'current']);
  const wanted = new Set(header.migrations.map(({ name }) => name));
  const later = applied.find(({ name }) => !wanted.has(name));
  if (later) {
    const message = `The database ${where} has the migration ${later.name}, and the backup is older: restore into a database without tables.`;
    throw new AppError('unavailable', message);
  }
  const done = new Set(applied.map(({ name }) => name));
  const { migrationDirectories } = await readMigrations();
  const missing = migrationDirectories.filter(({ path }) => wanted.has(path) && !done.has(path));
  const sessionName = sessionNameOf(migrationDirectories.map(({ path }) => path));
  if (missing.length > 0) await applyMigrations(client, missing, sessionName, signal);
}

/**
 * Restores a backup into an empty database that nobody else uses. The rows come in one transaction: when this is
 * killed, none is there, and it can be run again. Later migrations are left to the caller.
 * @param client a session of its own, with the settings of ours
 * @param where names the database in messages
 * @throws AppError unavailable: the database is in use, not empty or too new, or the backup does not fit
 */
export async function restoreBackup(
  client: pg.Client,
  file: BackupFile,
  where: string,
  signal: AbortSignal,
): Promise<Omit<BackupSummary, 'bytes'>> {
  await requireServer(client);
  await requireWritable(client, where);
  await requireAlone(client, where);
  await client.query('SELECT pg_advisory_lock($1)', [MIGRATIONS_LOCK]);
  await migrateTo(client, file, where, signal);
  const rows = await loadBackup(client, file, where);
  await client.query('SELECT pg_advisory_unlock($1)', [MIGRATIONS_LOCK]);
  return { tables: file.header.tables.length, rows };
}

/** Makes the planner's statistics, which are not in a backup. Autovacuum does the rest in its time. */
export async function analyzeTables(client: pg.Client, { header }: BackupFile): Promise<void> {
  await client.query(`ANALYZE ${header.tables.map(({ name }) => quoted(name)).join(', ')}`);
}
