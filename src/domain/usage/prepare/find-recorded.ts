import type { Context } from '../../context.ts';
import { responseIdOf, type UsageEvent } from '../event/usage-event.ts';

/**
 * The ids (UUIDs) of those events whose event id or response id was recorded before, also where
 * retention has removed the event since.
 * @param events of the caller's organization
 */
export async function findRecorded(
  { caller, resources }: Context,
  events: readonly UsageEvent[],
): Promise<ReadonlySet<string>> {
  if (events.length === 0) return new Set();
  const values = [
    caller.organization.id,
    events.map(({ eventId }) => eventId),
    events.flatMap((event) => responseIdOf(event) ?? []),
  ];
  const { rows } = await resources.database.retryingLostConnections(() =>
    resources.database.pool.query<{ event_id: string | null; response_id: string | null }>(
      `SELECT event_id, NULL AS response_id FROM usage_events WHERE organization_id = $1 AND event_id = ANY ($2::text[])
       UNION ALL
       SELECT event_id, NULL FROM retired_usage_events WHERE organization_id = $1 AND event_id = ANY ($2::text[])
       UNION ALL
       SELECT NULL, response_id FROM usage_responses WHERE organization_id = $1 AND response_id = ANY ($3::text[])`,
      values,
    ),
  );
  const eventIds = new Set(rows.map((row) => row.event_id));
  const responseIds = new Set(rows.map((row) => row.response_id));
  const isRecorded = (event: UsageEvent) => {
    const responseId = responseIdOf(event);
    return eventIds.has(event.eventId) || (responseId !== null && responseIds.has(responseId));
  };
  return new Set(events.filter(isRecorded).map(({ id }) => id));
}
