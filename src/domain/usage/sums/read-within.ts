import { AppError } from '../../../platform/errors.ts';
import type { Sql } from '../../../platform/postgres/database.ts';
import { isCancelled } from '../../../platform/postgres/pool/database-errors.ts';
import type { Context } from '../../context.ts';

/**
 * Runs a read in one snapshot, each of its statements within the configured time, so that no reader
 * keeps the database busy for minutes.
 * @throws AppError unavailable when a statement takes longer, with what to narrow
 */
export async function readWithin<T>({ resources }: Context, work: (sql: Sql) => Promise<T>): Promise<T> {
  const { config, database } = resources;
  const seconds = config.readTimeoutSeconds;
  try {
    return await database.snapshot(work, { timeoutMs: seconds * 1_000 });
  } catch (cause) {
    // A stopping server says so itself.
    if (cause instanceof AppError || !isCancelled(cause)) throw cause;
    throw new AppError(
      'unavailable',
      `This read was ended after ${seconds} s. Narrow it: a shorter range, a longer interval, fewer groups, or other filters.`,
      { cause },
    );
  }
}
