import type { Database } from '../../../platform/postgres/database.ts';
import type { TransactionLimits } from '../../../platform/postgres/pool/transaction.ts';
import { ORGANIZATION_SERIES, type SeriesName } from './series.ts';

/** What an interval of a series has cost. */
export interface Spend {
  organizationId: string;
  series: SeriesName;
  startMs: number;
  /** NUMERIC in USD, as the database has it. */
  cost: string;
}

export interface SpendQuestion {
  organizationIds: readonly string[];
  interval: 'day' | 'hour';
  startMs: number;
  endMs: number;
  /** Null: all. */
  series: readonly SeriesName[] | null;
  /** Only intervals that cost more, in USD; null: all. */
  above: number | null;
}

/** Rows are found by their keys and added up by hashing, whatever the planner expects of other tenants. */
const SETTINGS = `
  SET LOCAL enable_nestloop = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off`;

const SOURCES = {
  day: { table: 'usage_days', start: 'bucket' },
  hour: { table: 'usage_quarter_hours', start: "date_trunc('hour', bucket, 'UTC')" },
} as const;

function spendSql(interval: keyof typeof SOURCES): string {
  const { table, start } = SOURCES[interval];
  return `
    SELECT * FROM (
      SELECT q.organization_id,
             CASE WHEN GROUPING(s.team_id) = 0 THEN 'team:' || s.team_id
                  WHEN GROUPING(s.api_key_id) = 0 THEN 'api_key:' || s.api_key_id
                  ELSE '${ORGANIZATION_SERIES}' END AS series,
             (extract(epoch FROM q.start) * 1000)::bigint AS start_ms, sum(q.cost) AS cost
        FROM (SELECT organization_id, ${start} AS start, series_id, sum(cost) AS cost FROM ${table}
               WHERE organization_id = ANY ($1::uuid[]) AND bucket >= $2 AND bucket < $3 GROUP BY 1, 2, 3) q
        JOIN (SELECT organization_id, id, team_id, api_key_id FROM usage_series
               WHERE organization_id = ANY ($1::uuid[]) OFFSET 0) s
          ON s.organization_id = q.organization_id AND s.id = q.series_id
       GROUP BY GROUPING SETS ((q.organization_id, q.start), (q.organization_id, q.start, s.team_id),
                               (q.organization_id, q.start, s.api_key_id))) g
     WHERE series IS NOT NULL AND ($4::text[] IS NULL OR series = ANY ($4)) AND ($5::numeric IS NULL OR cost > $5)`;
}

/** What series have cost in each day (UTC) or hour that has any usage. In any order. */
export async function readSpend(
  database: Database,
  { organizationIds, interval, startMs, endMs, series, above }: SpendQuestion,
  limits: TransactionLimits,
): Promise<Spend[]> {
  const values = [organizationIds, new Date(startMs), new Date(endMs), series, above];
  const rows = await database.snapshot(async (sql) => {
    await sql.query(SETTINGS);
    const found = await sql.query<{ organization_id: string; series: string; start_ms: number; cost: string }>(
      spendSql(interval),
      values,
    );
    return found.rows;
  }, limits);
  return rows.map((row) => ({
    organizationId: row.organization_id,
    series: row.series,
    startMs: row.start_ms,
    cost: row.cost,
  }));
}
