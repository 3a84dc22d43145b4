import { uuidFloor } from '../../../platform/ids.ts';
import type { Database } from '../../../platform/postgres/database.ts';
import { DAY_MS } from '../../../platform/time.ts';
import type { UsageEvent } from '../event/usage-event.ts';
import { readUsageEvent, USAGE_EVENT_COLUMNS, type UsageEventRow } from '../event/usage-event-row.ts';
import { ADJUSTED_AT_ONCE } from './adjust-usage.ts';

/** A UTC day on which a series has requests without a known cost. */
interface UnpricedDay {
  organization_id: string;
  series_id: number;
  bucket: Date;
}

const DAYS_AT_ONCE = 500;
const NO_UUID = '00000000-0000-0000-0000-000000000000';
const FIRST: UnpricedDay = { organization_id: NO_UUID, series_id: 0, bucket: new Date(0) };

// Days before the retention have sums, and no events.
const DAYS = {
  name: 'unpriced-days',
  text: `
    SELECT d.organization_id, d.series_id, d.bucket FROM (
      SELECT organization_id, series_id, bucket FROM usage_days
       WHERE unpriced_requests <> 0 AND (organization_id, series_id, bucket) > ($1, $2, $3)
       ORDER BY organization_id, series_id, bucket LIMIT $4) d
     ORDER BY organization_id, series_id, bucket`,
};
// Events that told no counts have none to price.
const EVENTS = {
  name: 'unpriced-events',
  text: `
    SELECT ${USAGE_EVENT_COLUMNS} FROM (
      SELECT * FROM usage_events e
       WHERE e.organization_id = $1 AND e.series_id = $2 AND e.id > $3 AND e.id < $4
         AND e.cost IS NULL AND e.voids_id IS NULL AND e.unpriced_reason IS DISTINCT FROM 'no_usage_reported'
       ORDER BY e.organization_id, e.series_id, e.id LIMIT $5) e
     CROSS JOIN LATERAL (
       SELECT * FROM usage_series s WHERE s.organization_id = $1 AND s.id = $2 LIMIT 1) s
     ORDER BY e.id`,
};

async function* unpricedDays({ pool }: Database): AsyncGenerator<UnpricedDay> {
  let last: UnpricedDay | undefined = FIRST;
  while (last !== undefined) {
    const values: unknown[] = [last.organization_id, last.series_id, last.bucket, DAYS_AT_ONCE];
    const { rows }: { rows: UnpricedDay[] } = await pool.query<UnpricedDay>({ ...DAYS, values });
    yield* rows;
    last = rows.length < DAYS_AT_ONCE ? undefined : rows.at(-1);
  }
}

/**
 * Events that were recorded without a known cost, whatever came after, in pieces of one organization
 * each: at most `ADJUSTED_AT_ONCE` in memory. Sums say on which days there still are some, so events
 * that have got their price are not looked at again, once all of their day have.
 */
export async function* findUnpriced(database: Database): AsyncGenerator<UsageEvent[]> {
  for await (const { organization_id: organizationId, series_id: seriesId, bucket } of unpricedDays(database)) {
    const endId = uuidFloor(bucket.getTime() + DAY_MS);
    let afterId: string | undefined = uuidFloor(bucket.getTime());
    while (afterId !== undefined) {
      const values: unknown[] = [organizationId, seriesId, afterId, endId, ADJUSTED_AT_ONCE];
      const { rows }: { rows: UsageEventRow[] } = await database.pool.query<UsageEventRow>({ ...EVENTS, values });
      if (rows.length > 0) yield rows.map(readUsageEvent);
      afterId = rows.length < ADJUSTED_AT_ONCE ? undefined : rows.at(-1)?.id;
    }
  }
}
