import type { Sql } from '../../../platform/postgres/database.ts';
import { SERIES_NAME, type SeriesName } from './series.ts';

/** What an interval of a series has cost. */
export interface Spend {
  series: SeriesName;
  startMs: number;
  /** NUMERIC in USD, as the database has it. */
  cost: string;
}

export interface SpendQuestion {
  organizationId: string;
  interval: 'day' | 'hour';
  startMs: number;
  endMs: number;
  series: readonly SeriesName[];
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
    SELECT ${SERIES_NAME} AS series, q.start, sum(q.cost)::text AS cost
      FROM (SELECT ${start} AS start, series_id, sum(cost) AS cost FROM ${table}
             WHERE organization_id = $1 AND bucket >= $2 AND bucket < $3 GROUP BY 1, 2) q
      JOIN (SELECT id, team_id, api_key_id FROM usage_series WHERE organization_id = $1 OFFSET 0) s ON s.id = q.series_id
     GROUP BY GROUPING SETS ((q.start), (q.start, s.team_id), (q.start, s.api_key_id))`;
}

/** What these series have cost in each day (UTC) or hour that has any usage. In any order. */
export async function readSpend(sql: Sql, question: SpendQuestion): Promise<Spend[]> {
  const { organizationId, interval, startMs, endMs, series } = question;
  await sql.query(SETTINGS);
  const { rows } = await sql.query<{ series: string; start: Date; cost: string }>(
    `SELECT * FROM (${spendSql(interval)}) all_series WHERE series = ANY ($4)`,
    [organizationId, new Date(startMs), new Date(endMs), series],
  );
  return rows.map(({ series: name, start, cost }) => ({ series: name, startMs: start.getTime(), cost }));
}

/**
 * The series that are large enough to be judged, by what they cost in these days, the largest first.
 * @param atLeast USD over all the days
 */
export async function findLargeSeries(
  sql: Sql,
  {
    organizationId,
    startMs,
    endMs,
    atLeast,
    limit,
  }: Omit<SpendQuestion, 'interval' | 'series'> & {
    atLeast: number;
    limit: number;
  },
): Promise<SeriesName[]> {
  await sql.query(SETTINGS);
  const { rows } = await sql.query<{ series: string }>(
    `SELECT series FROM (${spendSql('day')}) all_series WHERE series IS NOT NULL
      GROUP BY series HAVING sum(cost::numeric) >= $4 ORDER BY sum(cost::numeric) DESC, series LIMIT $5`,
    [organizationId, new Date(startMs), new Date(endMs), atLeast, limit],
  );
  return rows.map(({ series }) => series);
}
