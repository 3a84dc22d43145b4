import type pg from 'pg';
import { foldUsage } from '../../src/domain/usage/upkeep/fold-usage.ts';
import { openDatabase } from '../../src/platform/postgres/database.ts';
import type { Bench } from '../harness/bench.ts';
import { finishFold } from './finish-fold.ts';
import { DAY_MS, FEATURES, type Shape } from './shape.ts';
import type { TenantsDatabase } from './tenants-database.ts';

const FRESH_SPAN_MS = DAY_MS / 24;
const BACKLOG = 'SELECT s.last_value - f.position AS backlog FROM usage_events_position_seq s, usage_fold f';
// What tables and their indexes gave to all statements so far, in rows, cancelled statements
// included.
const ROWS_READ = 'SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::float8 AS rows FROM pg_stat_user_tables';
// The events and their sums by time, in one statement.
const FRESH = `
  WITH fresh AS MATERIALIZED (
    SELECT n, s.id AS series_id, to_timestamp(($2::bigint + n * ${FRESH_SPAN_MS}::bigint / $3::bigint) / 1000.0) AS time
      FROM generate_series(0, $3::bigint - 1) n
      JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM usage_series WHERE organization_id = $1) s
        ON s.place = n % (SELECT count(*) FROM usage_series WHERE organization_id = $1)),
  stored AS (
    INSERT INTO usage_events (
      organization_id, id, event_id, body_hash, time, recorded_at, series_id, input_tokens, output_tokens,
      cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, reasoning_tokens, input_audio_tokens,
      output_audio_tokens, web_searches, cost, computed_cost, cost_source, user_id, tags)
    SELECT $1, uuid_v7_at(time), $4 || n, decode(md5(n::text), 'hex'), time, time, series_id, 1000, 100,
           0, 0, 0, 0, 0, 0, 0, 0.001, 0.001, 'catalog', $4 || n,
           jsonb_build_object('env', 'prod', 'feature', 'feature-' || n % ${FEATURES})
      FROM fresh ORDER BY n
    RETURNING organization_id, time, series_id, requests, input_tokens, output_tokens, cost),
  quarters AS (
    INSERT INTO usage_quarter_hours AS q
    SELECT organization_id, date_bin('15 minutes', time, '2000-01-01Z'), series_id, count(*), sum(input_tokens),
           sum(output_tokens), 0, 0, 0, sum(cost), 0 FROM stored GROUP BY 1, 2, 3
    ON CONFLICT (organization_id, bucket, series_id) DO UPDATE
      SET requests = q.requests + excluded.requests, input_tokens = q.input_tokens + excluded.input_tokens,
          output_tokens = q.output_tokens + excluded.output_tokens, cost = q.cost + excluded.cost)
  INSERT INTO usage_days AS q
  SELECT organization_id, date_trunc('day', time, 'UTC'), series_id, count(*), sum(input_tokens),
         sum(output_tokens), 0, 0, 0, sum(cost), 0 FROM stored GROUP BY 1, 2, 3
  ON CONFLICT (organization_id, bucket, series_id) DO UPDATE
    SET requests = q.requests + excluded.requests, input_tokens = q.input_tokens + excluded.input_tokens,
        output_tokens = q.output_tokens + excluded.output_tokens, cost = q.cost + excluded.cost`;

/** Of this connection too, whose last statements are else not counted yet. */
async function readRowsRead(sql: pg.Client): Promise<number> {
  await sql.query('SELECT pg_stat_force_next_flush()');
  return readNumber(sql, ROWS_READ);
}

async function readNumber(sql: pg.Client, query: string): Promise<number> {
  return Number(Object.values((await sql.query(query)).rows[0] ?? {})[0]);
}

/**
 * Adds events of the last hour to the large tenant, each of a user who was never seen before, in
 * its sums as well.
 */
export async function insertFresh({ sql }: TenantsDatabase, { tenants, fresh }: Shape, name: string): Promise<void> {
  await sql.query(FRESH, [tenants[0]?.id, Date.now() - FRESH_SPAN_MS, fresh, `${name}-`]);
}

/**
 * The product's own fold, again until nothing is left; cancelled when it does not end. Returns
 * whether it ended.
 */
async function fold(database: TenantsDatabase, seconds: number): Promise<boolean> {
  const { connectionString, sql, cancelAll } = database;
  const product = openDatabase({ connectionString, connections: 2, onError: () => {} });
  const endMs = performance.now() + seconds * 1000;
  let isCut = false;
  let cancelling: Promise<void> = Promise.resolve();
  const timer = setTimeout(() => {
    isCut = true;
    cancelling = cancelAll();
  }, seconds * 1000);
  try {
    while (!isCut && performance.now() < endMs && (await readNumber(sql, BACKLOG)) > 0) await foldUsage(product);
    return (await readNumber(sql, BACKLOG)) === 0;
  } catch (error) {
    if (!isCut) throw error;
    return false;
  } finally {
    clearTimeout(timer);
    await cancelling;
    await product.close();
    await database.settle();
  }
}

/**
 * Folds all that is unfolded and reports it; what does not end within the limit is cancelled, and
 * folded otherwise.
 */
export async function measureFold(bench: Bench, database: TenantsDatabase, what: string, wanted?: number) {
  const { sql } = database;
  const { foldSeconds } = bench.options;
  const events = await readNumber(sql, BACKLOG);
  const rowsBefore = await readRowsRead(sql);
  const startMs = performance.now();
  const isEnded = await fold(database, foldSeconds);
  const value = (performance.now() - startMs) / 1000;
  const rows = (await readRowsRead(sql)) - rowsBefore;
  const left = await readNumber(sql, BACKLOG);
  if (!isEnded) await finishFold(sql);
  const read = `${Math.round(rows).toLocaleString('en-US')} rows read, ${(rows / (events - (isEnded ? left : 0))).toFixed(1)} an event`;
  const note = isEnded
    ? read
    : `NOT ENDED after ${foldSeconds} s, ${left.toLocaleString('en-US')} events left; ${read}`;
  const limit = wanted === undefined ? {} : { against: { what: 'wanted under', value: wanted } };
  bench.report({ row: 'tenants', what: `fold of ${what}`, value, unit: 's', ...limit, note });
}
