import { formatId } from '../../../platform/ids.ts';
import { plainDecimal } from '../../../platform/money.ts';
import type { Sql } from '../../../platform/postgres/database.ts';
import type { UsageEvent } from '../event/usage-event.ts';
import { VOID_PREFIX } from '../prepare/normalize-usage.ts';
import type { StoredEvent } from '../write/stored-event.ts';
import { type AdjustmentRow, addCost, adjustmentsOf, applyAdjustments, whereAdjusted } from './adjustment-rows.ts';

/** The event id of the row that reverses an event, whose UUID is given. */
export function reversingEventId(uuid: string): string {
  return VOID_PREFIX + formatId('usageEvent', uuid);
}

interface Row extends AdjustmentRow {
  id: string;
  event_id: string;
  adjusts_id: string;
}

const COLUMNS = `
  id, event_id, adjusts_id, position, recorded_at, cost, computed_cost, cost_source, price_id, warnings, details`;
const FIND = {
  name: 'find-corrections',
  text: `
    SELECT ${COLUMNS} FROM (
      SELECT e.* FROM unnest($2::text[]) AS of(event_id)
       CROSS JOIN LATERAL (
         SELECT * FROM usage_events e WHERE e.organization_id = $1 AND e.event_id = of.event_id LIMIT 1) e) e
    UNION ALL
    SELECT ${COLUMNS} FROM (
      SELECT a.* FROM unnest(${whereAdjusted('$1', '$3::uuid[]')}) AS of(id)
       CROSS JOIN LATERAL (${adjustmentsOf('$1', 'of.id')}) a) a
     ORDER BY position`,
};

/** What was done to events after they were recorded, by their UUIDs. */
export interface Corrections {
  /** UUIDs of the rows that reverse them. */
  reversals: ReadonlyMap<string, string>;
  /** The rows that change their costs, oldest first. */
  changes: ReadonlyMap<string, readonly AdjustmentRow[]>;
}

/**
 * Finds the rows that reverse events or change their costs. Each is found by its event's id: a
 * reversing row has an event id that is made of it, an adjustment lies behind it.
 * @param events of one organization, as they were read from the ledger
 */
export async function findCorrections(
  sql: Pick<Sql, 'query'>,
  events: readonly Pick<UsageEvent, 'id' | 'organizationId' | 'voidsId'>[],
): Promise<Corrections> {
  const byReversal = new Map<string, string>();
  for (const { id, voidsId } of events) if (voidsId === null) byReversal.set(reversingEventId(id), id);
  const reversals = new Map<string, string>();
  const changes = new Map<string, AdjustmentRow[]>();
  if (byReversal.size === 0) return { reversals, changes };
  const values = [events[0]?.organizationId, [...byReversal.keys()], [...byReversal.values()]];
  const { rows } = await sql.query<Row>({ ...FIND, values });
  for (const row of rows) {
    const reversed = byReversal.get(row.event_id);
    const before = changes.get(row.adjusts_id);
    if (reversed !== undefined) reversals.set(reversed, row.id);
    else if (before) before.push(row);
    else changes.set(row.adjusts_id, [row]);
  }
  return { reversals, changes };
}

/**
 * Says of each event which row reverses it (`voidedById`), and what it costs after the rows that
 * change its cost (`adjustments`).
 * @param events of one organization, as they were read from the ledger; changed in place
 */
export async function markCorrected<T extends readonly UsageEvent[]>(sql: Pick<Sql, 'query'>, events: T): Promise<T> {
  const { reversals, changes } = await findCorrections(sql, events);
  if (reversals.size === 0 && changes.size === 0) return events;
  for (const event of events) {
    if (event.voidsId !== null) continue;
    event.voidedById = reversals.get(event.id) ?? null;
    applyAdjustments(event, changes.get(event.id) ?? []);
  }
  return events;
}

// What retention has kept of an event has its changes in it, though a row of theirs may be left.
const CHANGES = {
  name: 'find-cost-changes',
  text: `
    SELECT a.adjusts_id, sum(a.cost) AS change FROM unnest(${whereAdjusted('$1', '$2::uuid[]')}) AS of(id)
     CROSS JOIN LATERAL (${adjustmentsOf('$1', 'of.id')}) a
     WHERE EXISTS (SELECT FROM usage_events e WHERE e.organization_id = $1 AND e.id = of.id) GROUP BY 1`,
};

/**
 * What events cost now of which only the cost is told, where they were met again by their ids.
 * @param stored of one organization; changed in place
 */
export async function addCostChanges(
  sql: Pick<Sql, 'query'>,
  organizationId: string,
  stored: readonly StoredEvent[],
): Promise<void> {
  if (stored.length === 0) return;
  const values = [organizationId, [...new Set(stored.map(({ id }) => id))]];
  const { rows } = await sql.query<{ adjusts_id: string; change: string }>({ ...CHANGES, values });
  if (rows.length === 0) return;
  const changes = new Map(rows.map((row) => [row.adjusts_id, plainDecimal(row.change)]));
  // A repeat within a batch has what is stored in common with the first.
  for (const one of new Set(stored)) {
    const change = changes.get(one.id);
    if (change !== undefined) one.cost = addCost(one.cost, change);
  }
}
