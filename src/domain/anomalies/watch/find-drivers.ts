import type { Database } from '../../../platform/postgres/database.ts';
import { isCancelled } from '../../../platform/postgres/pool/database-errors.ts';
import { DAY_MS } from '../../../platform/time.ts';
import type { Series } from './series.ts';

/** What an anomaly is made of: how much of it has one value of one dimension. */
export interface Driver {
  /** `model`, `api_key`, `user` or `tag:KEY`. An API key's value is its UUID. */
  dimension: string;
  value: string;
  /** NUMERIC in USD: its usual share of what was expected of the series. */
  expected: string;
  actual: string;
}

export interface DriverQuestion {
  organizationId: string;
  series: Series;
  interval: 'day' | 'hour';
  startMs: number;
  endMs: number;
  /** USD, of the whole series. */
  expected: string;
}

export const MAX_DRIVERS = 5;
/** The share of a value is that of the four weeks before. */
const SHARE_DAYS = 28;
/** An event is raised without its drivers rather than late. */
const TIMEOUT_MS = 10_000;

/** What was used in a range of days, by series, user and tags: folded, and what the fold has not reached. */
const daysSql = (first: string, last: string) => `
    SELECT d.series_id, a.user_id, a.tags, d.cost
      FROM (SELECT series_id, attribution_id, sum(cost) AS cost FROM usage_attribution_days
             WHERE organization_id = $1 AND bucket >= ${first} AND bucket < ${last} GROUP BY 1, 2) d
      JOIN (SELECT * FROM usage_attributions WHERE organization_id = $1 OFFSET 0) a ON a.id = d.attribution_id
    UNION ALL
    SELECT series_id, user_id, tags, coalesce(cost, 0) FROM unfolded
     WHERE id >= uuid_floor(${first}) AND id < uuid_floor(${last})`;

const HOUR_SQL = `
    SELECT series_id, user_id, tags, sum(coalesce(cost, 0)) AS cost FROM usage_events
     WHERE organization_id = $1 AND id >= uuid_floor($4) AND id < uuid_floor($5) GROUP BY 1, 2, 3`;

function driversSql(interval: 'day' | 'hour'): string {
  return `
    WITH unfolded AS MATERIALIZED (
      SELECT * FROM usage_events_after(
        organization => $1, after_position => (SELECT position FROM usage_fold))),
    parts AS MATERIALIZED (
      SELECT s.model, s.api_key_id, p.user_id, p.tags, sum(p.past) AS past, sum(p.now) AS now
        FROM (SELECT b.*, b.cost AS past, 0 AS now FROM (${daysSql('$2', '$3')}) b
              UNION ALL
              SELECT n.*, 0, n.cost FROM (${interval === 'day' ? daysSql('$4', '$5') : HOUR_SQL}) n) p
        JOIN (SELECT * FROM usage_series WHERE organization_id = $1 OFFSET 0) s ON s.id = p.series_id
       WHERE ($6::uuid IS NULL OR s.team_id = $6) AND ($7::uuid IS NULL OR s.api_key_id = $7)
       GROUP BY 1, 2, 3, 4),
    named AS (
      SELECT 'model' AS dimension, model AS value, past, now FROM parts
      UNION ALL SELECT 'api_key', api_key_id::text, past, now FROM parts
      UNION ALL SELECT 'user', user_id, past, now FROM parts WHERE user_id IS NOT NULL
      UNION ALL SELECT 'tag:' || t.key, t.value, past, now FROM parts, jsonb_each_text(parts.tags) t),
    shares AS (
      SELECT dimension, value, sum(now) AS actual,
             $8::numeric * coalesce(sum(past) / nullif((SELECT sum(past) FROM parts), 0), 0) AS expected
        FROM named GROUP BY 1, 2)
    SELECT dimension, value, round(greatest(expected, 0), 6)::text AS expected, actual::text FROM shares
     WHERE actual > expected ORDER BY actual - expected DESC, dimension, value LIMIT $9`;
}

/**
 * What drove an anomaly: the models, API keys, users and tags with the largest excess over their
 * usual share, the largest first, at most {@link MAX_DRIVERS}. Empty where that takes too long.
 */
export async function findDrivers(database: Database, question: DriverQuestion): Promise<Driver[]> {
  const { organizationId, series, interval, startMs, endMs, expected } = question;
  const today = new Date(Math.floor(startMs / DAY_MS) * DAY_MS);
  const values = [
    ...[organizationId, new Date(today.getTime() - SHARE_DAYS * DAY_MS), today, new Date(startMs), new Date(endMs)],
    // The team of a key series is that of the key; its usage may be of others.
    ...[series.apiKeyId === null ? series.teamId : null, series.apiKeyId, expected, MAX_DRIVERS],
  ];
  try {
    return await database.snapshot(
      async (sql) => {
        await sql.query('SET LOCAL enable_nestloop = off; SET LOCAL enable_mergejoin = off');
        return (await sql.query<Driver>(driversSql(interval), values)).rows;
      },
      { timeoutMs: TIMEOUT_MS },
    );
  } catch (error) {
    if (!isCancelled(error)) throw error;
    return [];
  }
}
