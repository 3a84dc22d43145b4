import type { Database, Sql } from '../../platform/postgres/database.ts';
import type { UsageEvent } from './event/usage-event.ts';
import { readUsageEvent, USAGE_EVENT_COLUMNS, type UsageEventRow } from './event/usage-event-row.ts';

/** An event of the ledger and its place in the commit order of its organization. */
export interface PlacedUsage {
  position: number;
  event: UsageEvent;
}

const READ = `
  SELECT e.position, ${USAGE_EVENT_COLUMNS}
    FROM unnest($1::uuid[], $2::bigint[]) AS f(organization_id, position)
   CROSS JOIN LATERAL (
     SELECT * FROM usage_events_after(organization => f.organization_id, after_position => f.position) n
      ORDER BY n.position LIMIT $3) e
   CROSS JOIN LATERAL (
     SELECT * FROM usage_series s WHERE s.organization_id = e.organization_id AND s.id = e.series_id OFFSET 0) s
   ORDER BY e.organization_id, e.position`;

/**
 * What was recorded after a place of each organization: at most `limit` of each, in commit order. Rows
 * that change the cost of an event are among them, so that the place moves on; they are not told.
 */
export async function readUsageAfter(
  sql: Sql,
  places: readonly { organizationId: string; position: number }[],
  limit: number,
): Promise<PlacedUsage[]> {
  const { rows } = await sql.query<UsageEventRow & { position: number }>({
    name: 'usage-after',
    text: READ,
    values: [places.map((one) => one.organizationId), places.map((one) => one.position), limit],
  });
  return rows.map((row) => ({ position: row.position, event: readUsageEvent(row) }));
}

/** How many events the organization has after a position; at most `most`. Changes of costs are none. */
export async function countUsageAfter(
  sql: Sql,
  organizationId: string,
  position: number,
  most: number,
): Promise<number> {
  const { rows } = await sql.query<{ count: number }>({
    name: 'count-usage-after',
    text: `SELECT count(*) AS count FROM (
             SELECT FROM usage_events_after(organization => $1, after_position => $2) WHERE adjusts_id IS NULL LIMIT $3) n`,
    values: [organizationId, position, most],
  });
  return rows[0]?.count ?? 0;
}

/**
 * A position that all events of the organization have that are committed now, and none that is
 * committed later. Positions are drawn under the organization's lock, so sharing it waits for the
 * writers that have drawn theirs.
 */
export async function readUsagePosition(database: Database, organizationId: string): Promise<number> {
  return database.transaction(async (sql) => {
    await sql.query('SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))', [organizationId]);
    // A sequence that was never drawn from says 1 all the same.
    const { rows } = await sql.query<{ position: number }>(
      'SELECT last_value - (NOT is_called)::int AS position FROM usage_events_position_seq',
    );
    return rows[0]?.position ?? 0;
  });
}
