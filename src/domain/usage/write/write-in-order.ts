import type { Database, Sql } from '../../../platform/postgres/database.ts';
import type { BudgetDirectory } from '../../budgets/budget-directory.ts';
import { responseIdOf, type UsageEvent, type UsageRow } from '../event/usage-event.ts';
import { type CommitOutcome, CREATED } from './commit-outcome.ts';
import { readStoredRow, type StoredEvent, type StoredRow } from './stored-event.ts';
import { organizationsOf } from './write-events.ts';
import { withLocks } from './write-locked.ts';

interface KnownRow extends Omit<StoredRow, 'ordinal'> {
  organization_id: string;
  event_id: string;
  response_id: string | null;
}

const FIND_KNOWN = `
  WITH given AS (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[]) AS g(organization_id, event_id, response_id)),
  named AS (
    SELECT g.organization_id, NULL AS response_id, g.event_id FROM given g
    UNION
    SELECT g.organization_id, g.response_id, u.event_id FROM given g CROSS JOIN LATERAL (
      SELECT r.event_id FROM usage_responses r
       WHERE r.organization_id = g.organization_id AND r.response_id = g.response_id LIMIT 1) u)
  SELECT n.*, k.id, k.body_hash, k.cost, n.response_id IS NOT NULL AS is_same_call
    FROM named n CROSS JOIN LATERAL (
      SELECT e.id, e.body_hash, e.cost FROM usage_events e
       WHERE e.organization_id = n.organization_id AND e.event_id = n.event_id
      UNION ALL
      SELECT r.id, r.body_hash, r.cost FROM retired_usage_events r
       WHERE r.organization_id = n.organization_id AND r.event_id = n.event_id) k`;

/** What is stored under event ids and response ids; each name begins with the organization. */
interface KnownIds {
  events: Map<string, StoredEvent>;
  responses: Map<string, StoredEvent>;
}

async function readKnown(sql: Sql, rows: readonly UsageRow[]): Promise<KnownIds> {
  const events = rows.map(({ event }) => event);
  const { rows: found } = await sql.query<KnownRow>(FIND_KNOWN, [
    events.map(({ organizationId }) => organizationId),
    events.map(({ eventId }) => eventId),
    events.map(responseIdOf),
  ]);
  const known: KnownIds = { events: new Map(), responses: new Map() };
  for (const row of found) {
    const { organization_id: organizationId, response_id: responseId, event_id: eventId } = row;
    if (responseId === null) known.events.set(organizationId + eventId, readStoredRow(row));
    else known.responses.set(organizationId + responseId, readStoredRow(row));
  }
  return known;
}

/** As `record_usage` decides: a known response id wins over an event id. */
function findKnown({ events, responses }: KnownIds, event: UsageEvent): StoredEvent | undefined {
  const { organizationId, eventId } = event;
  const responseId = responseIdOf(event);
  return (responseId && responses.get(organizationId + responseId)) || events.get(organizationId + eventId);
}

function addKnown({ events, responses }: KnownIds, { event, bodyHash }: UsageRow): void {
  const { organizationId, eventId, id, cost } = event;
  const responseId = responseIdOf(event);
  events.set(organizationId + eventId, { id, bodyHash, cost, isSameCall: false });
  if (responseId !== null) responses.set(organizationId + responseId, { id, bodyHash, cost, isSameCall: true });
}

/**
 * Writes rows that have ids of each other, response ids among them, as if each were sent after the
 * one before was answered. What is known is read under the locks; then it is decided here, row by
 * row, which are stored. The others that are of a known call and name a hold go to the database too,
 * which closes it.
 *
 * Safe to call again with the same rows after a lost connection, as `writeEvents` is.
 * @param rows none of them is a transaction of its own
 */
export function writeInOrder(
  settings: { database: Database; budgets: BudgetDirectory; atMs: number },
  rows: readonly UsageRow[],
): Promise<CommitOutcome[]> {
  return withLocks({ ...settings, areNew: false }, organizationsOf(rows), async (sql, write) => {
    const known = await readKnown(sql, rows);
    const created: UsageRow[] = [];
    const closing: UsageRow[] = [];
    const outcomes = rows.map((row): CommitOutcome => {
      const stored = findKnown(known, row.event);
      if (stored === undefined) {
        addKnown(known, row);
        created.push(row);
        return CREATED;
      }
      if (stored.isSameCall && row.event.holdId !== null) closing.push(row);
      // A copy: other callers of this transaction may be answered with the same.
      return stored.id === row.event.id ? CREATED : { stored: { ...stored } };
    });
    if (created.length > 0) await write(created);
    if (closing.length > 0) await write(closing);
    return outcomes;
  });
}
