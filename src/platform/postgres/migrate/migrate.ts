import { createHash } from 'node:crypto';
import type { MigrationDirectory, MigrationList } from '@prisma/schema-engine-wasm';
import pg from 'pg';
import { AppError } from '../../errors.ts';
import { cancelStatement } from '../pool/cancel-statement.ts';
import { applyMigrations } from './apply-migrations.ts';
import { connectAtStart, type StartWait } from './connect-at-start.ts';
import { requireOwnSessions, requireServer } from './require-server.ts';
import { readMigrations } from './schema-engine.ts';
import { COMPATIBLE, sessionNameOf } from './schema-guard.ts';

/** A row of Prisma's own table: one attempt to apply one migration. */
export interface MigrationRow {
  migration_name: string;
  checksum: string;
  finished_at: Date | null;
  rolled_back_at: Date | null;
  logs: string | null;
}

/** Whoever migrates has it. Ours, not Prisma's 72707369: `prisma migrate deploy` takes that one. */
export const MIGRATIONS_LOCK = 6_384_377_001;

/**
 * Applies the migrations that the database lacks, in order, and returns their names. Safe to call
 * from any number of processes at once; when nothing is to be done it is one query. The record is
 * Prisma's own `_prisma_migrations`, so `prisma migrate deploy` may be used instead.
 *
 * Each migration is one transaction with its row, so a kill at any moment leaves it undone, and the
 * next start applies it.
 *
 * Throws `unavailable`: no connection in time, PostgreSQL older than 15, a database that is not UTF-8, a
 * pooler in transaction mode, a database from before the first migration or with a newer one than we
 * know, unless that one says that older processes keep working (both are left as they are), a migration
 * that was edited after it was applied, or one that fails.
 * @param dataDir the folder that messages name the database by; left out, they name its host and
 * itself
 * @param wait how long a database that boots beside us is waited for; its signal aborted: the
 * migration under way is cancelled and rolled back, and will be applied at the next start
 */
export async function migrateDatabase(
  connectionString: string,
  dataDir?: string,
  wait: StartWait = { waitMs: 0 },
): Promise<{ applied: string[] }> {
  const { signal } = wait;
  const migrations = await readMigrations();
  const client = await connectAtStart(connectionString, wait);
  const cancel = () => cancelStatement(client);
  signal?.addEventListener('abort', cancel);
  try {
    signal?.throwIfAborted();
    await requireServer(client);
    if (dataDir === undefined) await requireOwnSessions(client, connectionString);
    const found = await listRows(client);
    requireNotNewer(migrations, found);
    if (isCurrent(migrations, found)) return { applied: [] };
    requireNotOlder(migrations, found, client, dataDir);
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATIONS_LOCK]);
    const rows = await listRows(client);
    requireNotNewer(migrations, rows);
    requireSoundHistory(migrations, rows);
    const applied = checksumsByName(rows);
    const missing = migrations.migrationDirectories.filter(({ path }) => !applied.has(path));
    const sessionName = sessionNameOf(migrations.migrationDirectories.map(({ path }) => path));
    return { applied: await applyMigrations(client, missing, sessionName, signal) };
  } finally {
    signal?.removeEventListener('abort', cancel);
    await client.end();
  }
}

/**
 * Throws where the database carries migrations that were replaced by our first one, before anything
 * was released.
 */
function requireNotOlder(
  { migrationDirectories }: MigrationList,
  rows: MigrationRow[],
  { host, database }: pg.Client,
  dataDir: string | undefined,
): void {
  const first = migrationDirectories[0]?.path ?? '';
  if (!rows.some((row) => row.migration_name < first)) return;
  const [subject, remedy] = dataDir
    ? [`in ${dataDir}`, 'move that folder away, or set METERR_DATA_DIR to another one']
    : [`${database} on ${host}`, 'set DATABASE_URL to an empty database'];
  const message = `The database ${subject} was made by an unreleased version of Meterr and cannot be upgraded: ${remedy}.`;
  throw new AppError('unavailable', message);
}

/** Throws where a newer version has migrated the database in a way that this one cannot serve. */
function requireNotNewer({ migrationDirectories }: MigrationList, rows: MigrationRow[]): void {
  const names = migrationDirectories.map(({ path }) => path);
  const [first = '', newest] = [names[0], names.at(-1)];
  const isUnknown = (row: MigrationRow) =>
    row.finished_at !== null && row.migration_name > first && !names.includes(row.migration_name);
  const newer = rows.find((row) => isUnknown(row) && !row.rolled_back_at && row.logs !== COMPATIBLE);
  if (!newer) return;
  const message = `The database was migrated by a newer version of Meterr (${newer.migration_name}), and this one knows nothing after ${newest}: start that version, or restore a backup from before.`;
  throw new AppError('unavailable', message);
}

/**
 * True when every migration is applied as it stands. False may also mean that another process is
 * applying them.
 */
function isCurrent({ migrationDirectories }: MigrationList, rows: MigrationRow[]): boolean {
  if (rows.some(isUnfinished)) return false;
  const applied = checksumsByName(rows);
  return migrationDirectories.every((migration) => matches(migration, applied.get(migration.path)));
}

/**
 * Under the lock, when nobody is at work: throws for a migration that failed or was edited, as
 * Prisma does.
 */
function requireSoundHistory({ migrationDirectories }: MigrationList, rows: MigrationRow[]): void {
  const failed = rows.find(isUnfinished);
  if (failed) {
    const message = `Another tool left the migration ${failed.migration_name} unfinished in this database: see its row in _prisma_migrations, then use "prisma migrate resolve".`;
    throw new AppError('unavailable', message);
  }
  const applied = checksumsByName(rows);
  const edited = migrationDirectories.find((migration) => {
    const checksum = applied.get(migration.path);
    return checksum !== undefined && !matches(migration, checksum);
  });
  if (!edited) return;
  const message = `The migration ${edited.path} was edited after it was applied to this database: restore prisma/migrations/${edited.path} and add a new migration instead.`;
  throw new AppError('unavailable', message);
}

/** Whether another tool began it and did not end it. */
export function isUnfinished(row: MigrationRow): boolean {
  return !row.finished_at && !row.rolled_back_at;
}

function checksumsByName(rows: MigrationRow[]): Map<string, string> {
  return new Map(rows.filter((row) => !row.rolled_back_at).map((row) => [row.migration_name, row.checksum]));
}

/** All rows of Prisma's table; none where there is no such table. */
export async function listRows(client: pg.Client): Promise<MigrationRow[]> {
  try {
    const { rows } = await client.query<MigrationRow>(
      'SELECT migration_name, checksum, finished_at, rolled_back_at, logs FROM _prisma_migrations',
    );
    return rows;
  } catch (error) {
    const UNDEFINED_TABLE = '42P01';
    if (error instanceof pg.DatabaseError && error.code === UNDEFINED_TABLE) return [];
    throw error;
  }
}

/** Like Prisma, takes a checkout with the other line ends for the same file. */
export function matches({ migrationFile: { content } }: MigrationDirectory, checksum: string | undefined): boolean {
  if (content.tag !== 'ok' || checksum === undefined) return false;
  const unix = content.value.replaceAll('\r\n', '\n');
  const forms = [content.value, unix, unix.replaceAll('\n', '\r\n')];
  return forms.some((text) => createHash('sha256').update(text).digest('hex') === checksum);
}
