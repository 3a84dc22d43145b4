import type pg from 'pg';

const SUM_COLUMNS = [
  'requests',
  'input_tokens',
  'output_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
  'cost',
  'unpriced_requests',
];
const KEY = 'organization_id, bucket, series_id';
const SUMS = SUM_COLUMNS.slice(0, -2).map((column) => `sum(${column}) AS ${column}`);
const UNFOLDED = `
  CREATE TEMPORARY TABLE unfolded ON COMMIT DROP AS
  SELECT g.*, sha256(convert_to(jsonb_build_array(user_id, tags)::text, 'UTF8')) AS hash
    FROM (SELECT organization_id, date_trunc('day', time, 'UTC') AS bucket, series_id, user_id, tags, ${SUMS.join(', ')},
                 coalesce(sum(cost), 0) AS cost,
                 coalesce(sum(requests) FILTER (WHERE cost IS NULL), 0) AS unpriced_requests
            FROM usage_events WHERE position > (SELECT position FROM usage_fold) GROUP BY 1, 2, 3, 4, 5) g`;
const ATTRIBUTIONS = `
  INSERT INTO usage_attributions (organization_id, hash, user_id, tags)
  SELECT DISTINCT organization_id, hash, user_id, tags FROM unfolded ON CONFLICT (organization_id, hash) DO NOTHING`;
const DAYS = `
  INSERT INTO usage_attribution_days AS d (${KEY}, attribution_id, ${SUM_COLUMNS.join(', ')})
  SELECT ${KEY}, a.id, ${SUM_COLUMNS.join(', ')} FROM unfolded JOIN usage_attributions a USING (organization_id, hash)
   ORDER BY 1, 2, 3, 4
  ON CONFLICT (${KEY}, attribution_id) DO UPDATE
    SET ${SUM_COLUMNS.map((column) => `${column} = d.${column} + excluded.${column}`).join(', ')}`;

/**
 * Folds what the fold has not reached, by hash joins over all of it at once: so that what comes
 * after can be measured where the fold itself did not end. Nothing may be recording or folding
 * meanwhile.
 */
export async function finishFold(sql: pg.Client): Promise<void> {
  await sql.query('BEGIN');
  await sql.query(`SET LOCAL enable_nestloop = off; SET LOCAL work_mem = '512MB'`);
  for (const statement of [UNFOLDED, ATTRIBUTIONS, DAYS]) await sql.query(statement);
  await sql.query('UPDATE usage_fold SET position = (SELECT last_value FROM usage_events_position_seq)');
  await sql.query('COMMIT');
}
