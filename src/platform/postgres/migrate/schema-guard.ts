import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { AppError } from '../../errors.ts';
import { PRISMA_FOLDER } from './schema-engine.ts';

/** In the column `logs` of Prisma's table: processes that do not know the migration may go on. */
export const COMPATIBLE = 'older processes keep working';
/** Of the sessions of all processes of Meterr; the newest migration that they know follows. */
export const SESSION_NAME = 'meterr:';
/** PostgreSQL cuts the name of an application. */
const MAX_NAME_LENGTH = 63;
const RETRY_SECONDS = 5;

/**
 * Keeps a process off a database that a newer one has migrated. Each session is named after the
 * newest migration that its process knows, and asks at its start for one that the process does not
 * know. Whoever migrates ends the sessions of older names before it commits, so no statement of an
 * older process ever meets the newer schema.
 */
export interface SchemaGuard {
  /**
   * Names a session that begins, and asks.
   * @throws AppError unavailable where there is a migration that this process may not meet
   */
  admit(session: pg.ClientBase): Promise<void>;
  /** Asks again: another tool that migrates ends no sessions. @throws what `admit` throws */
  ask(sql: Pick<pg.ClientBase, 'query'>): Promise<void>;
  /** The refusal of every request, once there is one; null before. */
  refusal(): AppError | null;
  /** Called once, with the name of the migration. */
  onOutdated(listener: (migration: string) => void): void;
}

/** The name of the sessions of a process that knows these migrations. */
export function sessionNameOf(migrations: readonly string[]): string {
  return `${SESSION_NAME}${[...migrations].sort().at(-1) ?? ''}`.slice(0, MAX_NAME_LENGTH);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Reads what migrations there are now: later, the folder may be that of a newer version. */
export async function openSchemaGuard(folder = join(PRISMA_FOLDER, 'migrations')): Promise<SchemaGuard> {
  const entries = await readdir(folder, { withFileTypes: true });
  const known = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const name = `SET application_name = ${quote(sessionNameOf(known))}`;
  // The one who migrates locks this table until its commit, so the answer is that of after.
  const question = {
    text: `SELECT migration_name FROM _prisma_migrations
            WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL AND logs IS DISTINCT FROM $1
              AND migration_name > $2 AND migration_name <> ALL ($3) ORDER BY 1 LIMIT 1`,
    values: [COMPATIBLE, known.sort()[0] ?? '', known],
  };
  const listeners: ((migration: string) => void)[] = [];
  let refusal: AppError | null = null;

  function refuse(migration: string): AppError {
    if (refusal) return refusal;
    const message = 'This server is older than its database and must be replaced. Try again.';
    refusal = new AppError('unavailable', message, { details: { retryAfterSeconds: RETRY_SECONDS } });
    for (const listener of listeners) listener(migration);
    return refusal;
  }

  async function ask(sql: Pick<pg.ClientBase, 'query'>): Promise<void> {
    const { rows } = await sql.query<{ migration_name: string }>(question);
    if (rows[0]) throw refuse(rows[0].migration_name);
  }

  return {
    async admit(session) {
      await session.query(name);
      await ask(session);
    },
    ask,
    refusal: () => refusal,
    onOutdated: (listener) => listeners.push(listener),
  };
}
