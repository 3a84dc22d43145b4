import type { Database } from '../../../platform/postgres/database.ts';

/** A response id whose event is in neither table of events. */
export interface ResponseDifference {
  table: string;
  organizationId: string;
  /** The response id and the event id. */
  of: string;
  kept: string;
  summed: string;
}

const WITHOUT_EVENT = `
  SELECT r.organization_id, concat_ws(' ', r.response_id, 'of event', r.event_id) AS of
    FROM usage_responses r
   WHERE NOT EXISTS (SELECT FROM usage_events e WHERE e.organization_id = r.organization_id AND e.event_id = r.event_id)
     AND NOT EXISTS (
       SELECT FROM retired_usage_events e WHERE e.organization_id = r.organization_id AND e.event_id = r.event_id)
   ORDER BY 1, 2 LIMIT 1`;

/**
 * Looks up the event of each response id, in the ledger and in what retention left of it. A response id without
 * one would refuse its answer for ever.
 * @returns the first that has none
 */
export async function verifyResponses(database: Database): Promise<ResponseDifference[]> {
  return database.snapshot(async (sql) => {
    await sql.query('SET LOCAL enable_nestloop = off');
    const { rows } = await sql.query(WITHOUT_EVENT);
    return rows.map(({ organization_id: organizationId, of }) => {
      return { table: 'usage_responses', organizationId, of, kept: 'a row', summed: 'no event' };
    });
  });
}
