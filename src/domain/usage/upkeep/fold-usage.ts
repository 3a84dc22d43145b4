import type { Database, Sql } from '../../../platform/postgres/database.ts';
import { isCancelled, isLockTimeout } from '../../../platform/postgres/pool/database-errors.ts';
import { SUM_COLUMNS, unpricedOf } from '../sums/usage-sums.ts';

/** The lock that every writer of usage shares, see the function `record_usage`. */
const WRITERS_LOCK = 6_384_377_010;
const CHUNK_POSITIONS = 100_000;
/**
 * A statement of the fold that takes longer is ended, and the chunk is tried again in smaller ones.
 */
const STATEMENT_TIMEOUT_MS = 60_000;
const SMALLEST_CHUNK = 1_000;
const POSITION_INDEX = 'usage_events_position_brin';
/**
 * The BRIN index is summarized every 10,000 events: readers scan a few extra page ranges, and
 * single inserts rarely have to update a summary.
 */
const SUMMARIZE_EVERY_POSITIONS = 10_000;
/**
 * Well below PostgreSQL's deadlock_timeout, after which an autovacuum that is in the way would be
 * cancelled.
 */
const SUMMARIZE_LOCK_TIMEOUT_MS = 100;
/**
 * New events lie at the table's end, where the index by position finds them; without statistics of
 * it, which a growing table never has, the planner would read the table from its start. Nor does it
 * know how few sums they make.
 */
const FOLD_SETTINGS = 'SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off';

const EVENT_SUMS = SUM_COLUMNS.map((column) => {
  if (column === 'cost') return 'coalesce(sum(e.cost), 0) AS cost';
  if (column !== 'unpriced_requests') return `sum(e.${column}) AS ${column}`;
  return `sum(${unpricedOf('e')}) AS unpriced_requests`;
}).join(', ');
const COLUMNS = SUM_COLUMNS.join(', ');
const ADD_UP = SUM_COLUMNS.map((column) =>
  column === 'cost' ? 'cost = d.cost + excluded.cost' : `${column} = add_counts(d.${column}, excluded.${column})`,
).join(', ');
// Each step is a statement of its own over a temporary table, and each row finds what it needs by
// one probe of an index. So no plan depends on how many sums the planner expects: beyond the newest
// statistics it expects one, and once joined 100,000 of them by nested loops over all.
const MAKE_SUMS_TABLE = `
  CREATE TEMP TABLE IF NOT EXISTS fold_sums (
    organization_id uuid, bucket timestamptz, series_id int, user_id text, tags jsonb, hash bytea,
    ${SUM_COLUMNS.map((column) => `${column} ${column === 'cost' ? 'numeric' : 'bigint'}`).join(', ')}
  ) ON COMMIT DELETE ROWS`;
// Events are added up by user and tags first: mostly few sums are left, and only those are hashed.
const ADD_UP_EVENTS = `
  INSERT INTO fold_sums (organization_id, bucket, series_id, user_id, tags, ${COLUMNS}, hash)
  SELECT g.*, sha256(convert_to(jsonb_build_array(g.user_id, g.tags)::text, 'UTF8'))
    FROM (SELECT e.organization_id, date_trunc('day', e.time, 'UTC') AS bucket, e.series_id, e.user_id, e.tags,
                 ${EVENT_SUMS}
            FROM usage_events e WHERE e.position > $1 AND e.position <= $2
           GROUP BY 1, 2, e.series_id, e.user_id, e.tags) g`;
const MAKE_ATTRIBUTIONS = `
  INSERT INTO usage_attributions (organization_id, hash, user_id, tags)
  SELECT s.organization_id, s.hash, s.user_id, s.tags FROM fold_sums s
   WHERE NOT EXISTS (SELECT 1 FROM (
     SELECT FROM usage_attributions a WHERE a.organization_id = s.organization_id AND a.hash = s.hash OFFSET 0) a)
   GROUP BY 1, 2, 3, 4
  ON CONFLICT (organization_id, hash) DO NOTHING`;
const ADD_TO_DAYS = `
  INSERT INTO usage_attribution_days AS d (
    organization_id, bucket, series_id, attribution_id, ${COLUMNS})
  SELECT s.organization_id, s.bucket, s.series_id, a.id, ${SUM_COLUMNS.map((column) => `sum(s.${column})`).join(', ')}
    FROM fold_sums s
   CROSS JOIN LATERAL (
     SELECT id FROM usage_attributions a WHERE a.organization_id = s.organization_id AND a.hash = s.hash OFFSET 0) a
   GROUP BY 1, 2, 3, 4
  ON CONFLICT (organization_id, bucket, series_id, attribution_id) DO UPDATE SET ${ADD_UP}`;

/**
 * The highest position below which no event is still to come: with the writers' lock held alone,
 * none is on its way.
 */
async function readSafePosition(database: Database, signal?: AbortSignal): Promise<number> {
  return database.transaction(
    async (sql) => {
      await sql.query('SELECT pg_advisory_xact_lock($1)', [WRITERS_LOCK]);
      const { rows } = await sql.query<{ position: number }>(
        'SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS position FROM usage_events_position_seq',
      );
      return rows[0]?.position ?? 0;
    },
    { signal },
  );
}

/**
 * Summarizes new pages in the BRIN index on position. Pages without a summary are always scanned,
 * and otherwise only autovacuum summarizes them, after 20 % growth. While a vacuum holds the table,
 * this gives up: the vacuum does the same.
 */
async function summarizePositions(database: Database, signal?: AbortSignal): Promise<void> {
  try {
    await database.transaction(
      async (sql) => {
        await sql.query(`SET LOCAL lock_timeout = ${SUMMARIZE_LOCK_TIMEOUT_MS}`);
        await sql.query('SELECT brin_summarize_new_values($1::regclass)', [POSITION_INDEX]);
      },
      { signal },
    );
  } catch (error) {
    if (!isLockTimeout(error)) throw error;
  }
}

async function readFoldPosition(database: Database): Promise<number> {
  const { rows } = await database.pool.query<{ position: number }>('SELECT position FROM usage_fold');
  return rows[0]?.position ?? 0;
}

async function foldChunk(sql: Sql, safe: number, positions: number): Promise<boolean> {
  const { rows } = await sql.query<{ position: number }>('SELECT position FROM usage_fold FOR UPDATE SKIP LOCKED');
  const from = rows[0]?.position;
  // No row: another process folds. It has as much right to.
  if (from === undefined || from >= safe) return false;
  const to = Math.min(from + positions, safe);
  await sql.query(`${MAKE_SUMS_TABLE}; ${FOLD_SETTINGS}`);
  await sql.query(ADD_UP_EVENTS, [from, to]);
  await sql.query(MAKE_ATTRIBUTIONS);
  await sql.query(ADD_TO_DAYS);
  await sql.query('UPDATE usage_fold SET position = $1', [to]);
  return to < safe;
}

/** How many positions the ledger is ahead of the fold, at most. */
export async function readFoldBacklog(database: Database): Promise<number> {
  const { rows } = await database.pool.query<{ backlog: number }>(
    'SELECT s.last_value - f.position AS backlog FROM usage_events_position_seq s, usage_fold f',
  );
  return rows[0]?.backlog ?? 0;
}

/**
 * Adds the events recorded since the last time to the sums by user and tags: behind the writers'
 * back, so that recording does not pay for them. Each chunk is one transaction with the fold's own
 * position, so a crash repeats or skips nothing; readers add what comes after that position
 * themselves.
 * @param signal aborted: the chunk under way is rolled back, and the call rejects with the signal's
 * reason
 */
export async function foldUsage(database: Database, signal?: AbortSignal): Promise<void> {
  const safe = await readSafePosition(database, signal);
  const steps = (position: number) => Math.floor(position / SUMMARIZE_EVERY_POSITIONS);
  if (steps(safe) > steps(await readFoldPosition(database))) await summarizePositions(database, signal);
  const limits = { signal, timeoutMs: STATEMENT_TIMEOUT_MS };
  let positions = CHUNK_POSITIONS;
  for (let isMore = true; isMore; ) {
    try {
      isMore = await database.transaction((sql) => foldChunk(sql, safe, positions), limits);
    } catch (error) {
      if (signal?.aborted || !isCancelled(error) || positions <= SMALLEST_CHUNK) throw error;
      positions = Math.ceil(positions / 10);
    }
  }
}
