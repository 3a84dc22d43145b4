import { createHash, randomUUID } from 'node:crypto';
import type { MigrationDirectory } from '@prisma/schema-engine-wasm';
import pg from 'pg';
import { AppError } from '../../errors.ts';
import { COMPATIBLE, SESSION_NAME } from './schema-guard.ts';

/** Prisma's own table, as its engine makes it: `prisma migrate deploy` may be used instead. */
const MAKE_TABLE = `
  CREATE TABLE IF NOT EXISTS _prisma_migrations (
    id VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum VARCHAR(64) NOT NULL,
    finished_at TIMESTAMPTZ,
    migration_name VARCHAR(255) NOT NULL,
    logs TEXT,
    rolled_back_at TIMESTAMPTZ,
    started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count INTEGER NOT NULL DEFAULT 0)`;
const NOTE = `
  INSERT INTO _prisma_migrations
         (id, checksum, migration_name, logs, started_at, finished_at, applied_steps_count)
  VALUES ($1, $2, $3, $4, now(), clock_timestamp(), 1)`;
/** A line of a migration that only adds: processes that do not know it go on beside it. */
const COMPATIBLE_LINE = /^-- meterr: older processes keep working\s*$/m;
/** Sessions of older processes, and whether each was told to end and has ended in time. */
const END_OLDER_SESSIONS = `
  SELECT pg_terminate_backend(pid, $2) AS ended FROM pg_stat_activity
   WHERE datname = current_database() AND pid <> pg_backend_pid()
     AND starts_with(application_name, $1) AND application_name <> $3
     AND pg_has_role(usesysid, 'MEMBER')`;
const END_TIMEOUT_MS = 5_000;
const QUERY_CANCELED = '57014';

/**
 * Applies migrations in their order. Each is one transaction with its row in Prisma's table, so one
 * that fails, or is killed at any moment, has not happened, and is applied again at the next start.
 * @param client holds the lock of migrations
 * @param sessionName of the sessions that may go on, see `sessionNameOf`
 * @throws AppError unavailable, naming the migration and what the server says; the signal's reason
 *   when it was aborted
 */
export async function applyMigrations(
  client: pg.Client,
  migrations: readonly MigrationDirectory[],
  sessionName: string,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  await client.query(MAKE_TABLE);
  const applied: string[] = [];
  for (const migration of migrations) {
    signal?.throwIfAborted();
    try {
      await applyOne(client, migration, sessionName);
    } catch (cause) {
      if (signal?.aborted && isCancelled(cause)) throw signal.reason;
      const reason = (cause instanceof Error ? cause.message : String(cause)).replace(/\s+/g, ' ').trim();
      throw new AppError('unavailable', `The migration ${migration.path} failed: ${reason}`, { cause });
    }
    applied.push(migration.path);
  }
  return applied;
}

function isCancelled(error: unknown): boolean {
  return error instanceof pg.DatabaseError ? error.code === QUERY_CANCELED : true;
}

/**
 * Ends the sessions of processes that do not know the migration that is about to be committed. What
 * they had not committed is rolled back, and new ones wait for the table until the commit.
 */
async function endOlderSessions(client: pg.Client, sessionName: string): Promise<void> {
  await client.query('LOCK TABLE _prisma_migrations IN ACCESS EXCLUSIVE MODE');
  const { rows } = await client.query<{ ended: boolean }>(END_OLDER_SESSIONS, [
    SESSION_NAME,
    END_TIMEOUT_MS,
    sessionName,
  ]);
  if (!rows.every(({ ended }) => ended)) throw new Error('a session of an older Meterr does not end');
}

async function applyOne(
  client: pg.Client,
  { path, migrationFile: { content } }: MigrationDirectory,
  sessionName: string,
): Promise<void> {
  if (content.tag !== 'ok') throw new Error(`its file cannot be read`);
  const checksum = createHash('sha256').update(content.value).digest('hex');
  await client.query('BEGIN');
  try {
    // Without parameters: then the server takes the whole script, whatever is in it.
    await client.query(content.value);
    const isCompatible = COMPATIBLE_LINE.test(content.value);
    await client.query(NOTE, [randomUUID(), checksum, path, isCompatible ? COMPATIBLE : null]);
    if (!isCompatible) await endOlderSessions(client, sessionName);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
}
