import { AppError } from '../../../platform/errors.ts';
import type { Database } from '../../../platform/postgres/database.ts';

/**
 * Refuses a database whose events have used up the positions that JavaScript reads exactly: 2^53.
 * Beyond that two events could have the same position, and readers of the log would miss one.
 * @throws AppError unavailable
 */
export async function requirePositions(database: Database): Promise<void> {
  const { rows } = await database.pool.query<{ used: boolean }>(
    'SELECT last_value >= 9007199254740991 AS used FROM usage_events_position_seq',
  );
  if (!rows[0]?.used) return;
  const message = 'This database has numbered 2^53 events, the most that it can: set DATABASE_URL to another one.';
  throw new AppError('unavailable', message);
}
