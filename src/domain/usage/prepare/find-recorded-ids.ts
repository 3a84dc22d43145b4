import type { Context } from '../../context.ts';

/**
 * The event ids among `eventIds` that were recorded before, also where retention has removed the
 * event since.
 */
export async function findRecordedIds(
  { caller, resources }: Context,
  eventIds: readonly string[],
): Promise<ReadonlySet<string>> {
  if (eventIds.length === 0) return new Set();
  const { rows } = await resources.database.retryingLostConnections(() =>
    resources.database.pool.query<{ event_id: string }>(
      `SELECT event_id FROM usage_events WHERE organization_id = $1 AND event_id = ANY ($2::text[])
       UNION ALL
       SELECT event_id FROM retired_usage_events WHERE organization_id = $1 AND event_id = ANY ($2::text[])`,
      [caller.organization.id, eventIds],
    ),
  );
  return new Set(rows.map((row) => row.event_id));
}
