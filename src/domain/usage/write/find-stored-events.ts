import { plainDecimal } from '../../../platform/money.ts';
import type { Database } from '../../../platform/postgres/database.ts';
import type { UsageRow } from '../event/usage-event.ts';
import { readUsageEvent, USAGE_EVENT_COLUMNS, type UsageEventRow, usageEventsBy } from '../event/usage-event-row.ts';
import type { StoredEvent } from './stored-event.ts';

interface StoredRow {
  event_id: string;
  id: string;
  body_hash: Buffer;
  cost: string | null;
}

const FIND_MANY = {
  name: 'find-stored',
  text: `SELECT e.event_id, e.id, e.body_hash, e.cost FROM unnest($2::text[]) AS of(event_id)
          CROSS JOIN LATERAL (
            SELECT * FROM usage_events e WHERE e.organization_id = $1 AND e.event_id = of.event_id LIMIT 1) e`,
};
const FIND_ONE = {
  name: 'find-stored-event',
  text: `SELECT ${USAGE_EVENT_COLUMNS}, e.body_hash
           FROM ${usageEventsBy('', 'e.organization_id = $1 AND e.event_id = $2')}`,
};

async function findOne(database: Database, { event }: UsageRow): Promise<Map<string, StoredEvent>> {
  const values = [event.organizationId, event.eventId];
  const { rows } = await database.queryReserved<UsageEventRow & Pick<StoredRow, 'body_hash'>>({ ...FIND_ONE, values });
  return new Map(
    rows.map((row) => {
      const stored = readUsageEvent(row);
      const { id, cost } = stored;
      return [row.event_id, { id, cost, bodyHash: row.body_hash.toString('latin1'), isSameCall: false, event: stored }];
    }),
  );
}

async function findMany(database: Database, rows: readonly UsageRow[]): Promise<Map<string, StoredEvent>> {
  const values = [rows[0]?.event.organizationId, rows.map(({ event }) => event.eventId)];
  const result = await database.queryReserved<StoredRow>({ ...FIND_MANY, values });
  return new Map(
    result.rows.map(({ event_id: eventId, id, body_hash: hash, cost }) => {
      return [eventId, { id, bodyHash: hash.toString('latin1'), cost: plainDecimal(cost), isSameCall: false }];
    }),
  );
}

/**
 * What is in the ledger already under the rows' event ids, by event id. Of one row alone the event
 * itself too, since that is what its caller is answered with.
 * @param rows of one organization
 */
export function findStoredEvents(database: Database, rows: readonly UsageRow[]): Promise<Map<string, StoredEvent>> {
  const [first] = rows;
  return database.retryingLostConnections(() =>
    rows.length === 1 && first ? findOne(database, first) : findMany(database, rows),
  );
}
