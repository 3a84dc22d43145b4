import { createHash, randomUUID } from 'node:crypto';
import type { MigrationDirectory } from '@prisma/schema-engine-wasm';
import pg from 'pg';
import { AppError } from '../../errors.ts';

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
  INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
  VALUES ($1, $2, $3, now(), clock_timestamp(), 1)`;
const QUERY_CANCELED = '57014';

/**
 * Applies migrations in their order. Each is one transaction with its row in Prisma's table, so one
 * that fails, or is killed at any moment, has not happened, and is applied again at the next start.
 * @param client holds the lock of migrations
 * @throws AppError unavailable, naming the migration and what the server says; the signal's reason
 *   when it was aborted
 */
export async function applyMigrations(
  client: pg.Client,
  migrations: readonly MigrationDirectory[],
  signal: AbortSignal | undefined,
): Promise<string[]> {
  await client.query(MAKE_TABLE);
  const applied: string[] = [];
  for (const migration of migrations) {
    signal?.throwIfAborted();
    try {
      await applyOne(client, migration);
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

async function applyOne(client: pg.Client, { path, migrationFile: { content } }: MigrationDirectory): Promise<void> {
  if (content.tag !== 'ok') throw new Error(`its file cannot be read`);
  const checksum = createHash('sha256').update(content.value).digest('hex');
  await client.query('BEGIN');
  try {
    // Without parameters: then the server takes the whole script, whatever is in it.
    await client.query(content.value);
    await client.query(NOTE, [randomUUID(), checksum, path]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
}
