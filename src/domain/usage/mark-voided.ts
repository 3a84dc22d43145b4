import { formatId } from '../../platform/ids.ts';
import type { Sql } from '../../platform/postgres/database.ts';
import type { UsageEvent } from './event/usage-event.ts';
import { VOID_PREFIX } from './prepare/normalize-usage.ts';

/** The event id of the row that reverses an event, whose UUID is given. */
export function reversingEventId(uuid: string): string {
  return VOID_PREFIX + formatId('usageEvent', uuid);
}

/**
 * Says of each event that was taken back which row reverses it (`voidedById`). Such a row has an
 * event id that is made of the event's id, so the ledger's unique index finds it.
 * @param events of one organization, as they were read from the ledger; changed in place
 */
export async function markVoided<T extends readonly UsageEvent[]>(sql: Pick<Sql, 'query'>, events: T): Promise<T> {
  const byReversal = new Map<string, UsageEvent>();
  for (const event of events) if (event.voidsId === null) byReversal.set(reversingEventId(event.id), event);
  if (byReversal.size === 0) return events;
  const { rows } = await sql.query<{ id: string; event_id: string }>({
    name: 'find-reversals',
    text: 'SELECT id, event_id FROM usage_events WHERE organization_id = $1 AND event_id = ANY ($2::text[])',
    values: [events[0]?.organizationId, [...byReversal.keys()]],
  });
  for (const { id, event_id: eventId } of rows) {
    const event = byReversal.get(eventId);
    if (event) event.voidedById = id;
  }
  return events;
}
