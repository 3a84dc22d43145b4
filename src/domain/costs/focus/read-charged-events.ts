import type { TimeSpan } from '../../../platform/calendar.ts';
import { invalidField } from '../../../platform/errors.ts';
import { uuidFloor } from '../../../platform/ids.ts';
import type { Sql } from '../../../platform/postgres/database.ts';
import type { Context } from '../../context.ts';
import type { AdjustmentRow } from '../../usage/adjust/adjustment-rows.ts';
import { findCorrections } from '../../usage/adjust/mark-corrected.ts';
import type { UsageEvent } from '../../usage/event/usage-event.ts';
import { readUsageEvent, USAGE_EVENT_COLUMNS, type UsageEventRow } from '../../usage/event/usage-event-row.ts';
import { type UsageFilter, whereUsage } from '../../usage/event/usage-filter.ts';
import { readWithin } from '../../usage/sums/read-within.ts';

/** Rows of the ledger that one statement reads, whether they fit the filter or not. */
const STEP_ROWS = 5_000;

/** An event that stands, and what changed its cost, oldest first. */
export interface ChargedEvent {
  event: UsageEvent;
  changes: readonly AdjustmentRow[];
}

/** @throws AppError invalid_request where the span begins before what retention has removed ends */
async function requireKept(sql: Sql, organizationId: string, startMs: number): Promise<void> {
  const { rows } = await sql.query<{ retired_before: Date | null }>(
    'SELECT retired_before FROM organizations WHERE id = $1',
    [organizationId],
  );
  const keptFrom = rows[0]?.retired_before;
  if (!keptFrom || startMs >= keptFrom.getTime()) return;
  const from = keptFrom.toISOString().replace('.000Z', 'Z');
  throw invalidField('start', `must be ${from} or later: retention has removed the single events before`);
}

/** The id that the step after this one begins with. */
const NEXT = {
  name: 'charged-events-next',
  text: `SELECT id FROM usage_events WHERE organization_id = $1 AND id >= $2 AND id < $3
          ORDER BY organization_id, id OFFSET ${STEP_ROWS} LIMIT 1`,
};
// Metadata may be large, and is not charged for.
const COLUMNS = USAGE_EVENT_COLUMNS.replace('e.metadata', 'NULL AS metadata');

/** The events of a step that fit. A subquery with OFFSET reads them by the primary key, whatever the planner expects. */
async function readStep(sql: Sql, context: Context, filter: UsageFilter, from: string, to: string) {
  const { conditions, values } = whereUsage(context.caller, filter);
  values.push(from, to);
  const n = values.length;
  const { rows } = await sql.query<UsageEventRow>(
    `SELECT ${COLUMNS}
       FROM (SELECT * FROM usage_events e
              WHERE e.organization_id = $1 AND e.id >= $${n - 1} AND e.id < $${n} OFFSET 0) e
      CROSS JOIN LATERAL (
        SELECT * FROM usage_series s WHERE s.organization_id = $1 AND s.id = e.series_id LIMIT 1) s
      WHERE e.adjusts_id IS NULL AND e.voids_id IS NULL AND ${conditions.join(' AND ')}`,
    values,
  );
  const events = rows.map(readUsageEvent);
  const { reversals, changes } = await findCorrections(sql, events);
  return events.flatMap((event): ChargedEvent[] =>
    reversals.has(event.id) ? [] : [{ event, changes: changes.get(event.id) ?? [] }],
  );
}

/**
 * The events of a span that were not voided, in steps: each a bounded number of rows in a snapshot of
 * its own, however few of them fit the filter.
 * @throws AppError invalid_request where retention has removed events of the span, unavailable when a
 * statement takes too long
 */
export async function* readChargedEvents(
  context: Context,
  { startMs, endMs }: TimeSpan,
  filter: UsageFilter,
): AsyncGenerator<ChargedEvent[]> {
  const organizationId = context.caller.organization.id;
  const end = uuidFloor(endMs);
  let from: string | null = uuidFloor(startMs);
  while (from !== null) {
    const first: string = from;
    const [events, next] = await readWithin(context, async (sql): Promise<[ChargedEvent[], string | null]> => {
      await requireKept(sql, organizationId, startMs);
      const { rows } = await sql.query<{ id: string }>({ ...NEXT, values: [organizationId, first, end] });
      const after = rows[0]?.id ?? null;
      return [await readStep(sql, context, filter, first, after ?? end), after];
    });
    yield events;
    from = next;
  }
}
