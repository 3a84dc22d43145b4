import type { Database } from '../../../platform/postgres/database.ts';
import { MOST_STORED, SUM_COLUMNS, type SumColumn, unpricedOf } from '../sums/usage-sums.ts';

/** One sum that does not equal what it is the sum of. Texts, as the database has them. */
export interface UsageDifference {
  table: string;
  organizationId: string;
  bucket: string;
  seriesId: number;
  kept: string;
  summed: string;
}

const COLUMNS = SUM_COLUMNS.join(', ');
const NUMBERS = SUM_COLUMNS.map((column) => `${column}::numeric`).join(', ');
// A stored sum of counts stays within what `add_counts` says.
const stored = (column: SumColumn) =>
  column === 'cost'
    ? 'coalesce(sum(cost), 0) AS cost'
    : `least(greatest(sum(${column}), -${MOST_STORED}), ${MOST_STORED}) AS ${column}`;
const SUMS = SUM_COLUMNS.map(stored).join(', ');
const LEDGER_SUMS = SUM_COLUMNS.map((column) => {
  if (column !== 'unpriced_requests') return stored(column);
  return `sum(${unpricedOf('')}) AS unpriced_requests`;
}).join(', ');

const KEY = 'organization_id, bucket, series_id';

function compare(kept: string, summed: string, key: string = KEY): string {
  return `
    SELECT organization_id, bucket::text, series_id, k.sums::text AS kept, s.sums::text AS summed
      FROM (SELECT ${key}, ROW(${NUMBERS}) AS sums FROM (${kept}) k) k
      FULL JOIN (SELECT ${key}, ROW(${NUMBERS}) AS sums FROM (${summed}) s) s USING (${key})
     WHERE k.sums IS DISTINCT FROM s.sums
       AND NOT (k.sums IS NULL AND s.sums IS NULL)
     ORDER BY 1, 2, 3 LIMIT 1`;
}

// Time whose events retention has removed cannot be added up again: there, days are held against
// quarter hours.
const KEPT_TIME = `
  coalesce((SELECT retired_before FROM organizations o WHERE o.id = organization_id), '-infinity')`;
const CHECKS: Readonly<Record<string, string>> = {
  usage_quarter_hours: compare(
    `SELECT * FROM usage_quarter_hours WHERE bucket >= ${KEPT_TIME}`,
    `SELECT organization_id, date_bin('15 minutes', time, '2000-01-01Z') AS bucket, series_id, ${LEDGER_SUMS}
       FROM usage_events WHERE time >= ${KEPT_TIME} GROUP BY 1, 2, 3`,
  ),
  usage_days: compare(
    'SELECT * FROM usage_days',
    `SELECT organization_id, date_trunc('day', bucket, 'UTC') AS bucket, series_id, ${SUMS}
       FROM usage_quarter_hours GROUP BY 1, 2, 3`,
  ),
  usage_attribution_days: compare(
    `SELECT organization_id, bucket, series_id, ${SUMS} FROM (
       SELECT organization_id, bucket, series_id, ${COLUMNS} FROM usage_attribution_days
       UNION ALL
       SELECT organization_id, date_trunc('day', time, 'UTC'), series_id, ${LEDGER_SUMS} FROM usage_events
        WHERE position > (SELECT position FROM usage_fold) GROUP BY 1, 2, 3) both_parts GROUP BY 1, 2, 3`,
    'SELECT * FROM usage_days',
  ),
  // Who used what of a day and series; the check before this one only says that nothing is lost
  // between them.
  usage_attributions: compare(
    `SELECT d.*, jsonb_build_array(a.user_id, a.tags) AS used_by
       FROM usage_attribution_days d JOIN usage_attributions a
         ON a.organization_id = d.organization_id AND a.id = d.attribution_id
      WHERE d.bucket >= ${KEPT_TIME.replace('= organization_id', '= d.organization_id')}`,
    `SELECT organization_id, date_trunc('day', time, 'UTC') AS bucket, series_id,
            jsonb_build_array(user_id, tags) AS used_by, ${LEDGER_SUMS}
       FROM usage_events WHERE position <= (SELECT position FROM usage_fold) AND time >= ${KEPT_TIME}
      GROUP BY 1, 2, 3, 4`,
    `${KEY}, used_by`,
  ),
};

/**
 * Adds the ledger up again and compares it with every rollup, in one snapshot.
 * @returns the first difference of each table that has one
 */
export async function verifyUsage(database: Database): Promise<UsageDifference[]> {
  return database.snapshot(async (sql) => {
    // Whole tables are compared: the planner, which expects few rows of a sum, must not join them
    // by nested loops.
    await sql.query('SET LOCAL enable_nestloop = off');
    const differences: UsageDifference[] = [];
    for (const [table, query] of Object.entries(CHECKS)) {
      const { rows } = await sql.query(query);
      const row = rows[0];
      if (!row) continue;
      const { organization_id: organizationId, bucket, series_id: seriesId, kept, summed } = row;
      differences.push({
        table,
        organizationId,
        bucket,
        seriesId,
        kept: kept ?? 'nothing',
        summed: summed ?? 'nothing',
      });
    }
    return differences;
  });
}
