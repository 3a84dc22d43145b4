import type { Database } from '../postgres/database.ts';
import { COUNTS_TABLE } from './count-store.ts';

const ROWS_A_STEP = 10_000;

/**
 * Removes the counts of windows that are over, in steps. The library writes their expiry from the
 * machine's clock, so it is compared with that one.
 * @returns how many there were
 */
export async function removeExpiredCounts({ pool }: Database, signal?: AbortSignal): Promise<number> {
  const before = Date.now();
  for (let removed = 0; ; ) {
    const { rowCount } = await pool.query(
      `DELETE FROM ${COUNTS_TABLE}
        WHERE ctid = ANY (ARRAY(SELECT ctid FROM ${COUNTS_TABLE} WHERE expire < $1 LIMIT ${ROWS_A_STEP}))`,
      [before],
    );
    removed += rowCount ?? 0;
    if ((rowCount ?? 0) < ROWS_A_STEP || signal?.aborted) return removed;
  }
}
