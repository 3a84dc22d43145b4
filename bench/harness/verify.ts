import type pg from 'pg';

/** What is on disk of what was acknowledged. */
export interface Tally {
  acknowledged: number;
  rows: number;
  lost: number;
  doubled: number;
}

/**
 * Counts the rows of a load in a table, by its ids. @throws Error when any is lost, doubled, or
 * there unasked
 */
export async function verifyLoad(pool: pg.Pool, run: string, acknowledged: number): Promise<Tally> {
  const { rows } = await pool.query<{ rows: string; ids: string }>(
    `SELECT count(*)::text AS rows, count(DISTINCT event_id)::text AS ids
       FROM usage_events WHERE event_id >= $1 || '-' AND event_id < $1 || '.'`,
    [run],
  );
  const count = Number(rows[0]?.rows);
  const ids = Number(rows[0]?.ids);
  const tally = { acknowledged, rows: count, lost: acknowledged - ids, doubled: count - ids };
  if (tally.lost !== 0 || tally.doubled !== 0) {
    throw new Error(`${run}: acknowledged ${acknowledged}, rows ${count}, different ids ${ids}`);
  }
  return tally;
}

/** Sums of the ledger against those of both rollups. @throws Error when they differ */
export async function verifyRollups(pool: pg.Pool): Promise<number> {
  const sums = (table: string, requests: string) =>
    pool.query<{ requests: string; tokens: string; cost: string }>(
      `SELECT coalesce(sum(${requests}), 0)::text AS requests, coalesce(sum(input_tokens + output_tokens), 0)::text AS tokens,
              coalesce(sum(cost), 0)::numeric(60,18)::text AS cost FROM ${table}`,
    );
  const events = (await sums('usage_events', 'requests')).rows[0];
  for (const table of ['usage_quarter_hours', 'usage_days']) {
    const rollup = (await sums(table, 'requests')).rows[0];
    if (JSON.stringify(rollup) === JSON.stringify(events)) continue;
    throw new Error(`${table} says ${JSON.stringify(rollup)}, the events ${JSON.stringify(events)}`);
  }
  return Number(events?.requests);
}
