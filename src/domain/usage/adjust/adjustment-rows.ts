import { formatMoney, parseMoney, plainDecimal } from '../../../platform/money.ts';
import type { UsageAdjustment } from '../event/usage-adjustment.ts';
import type { UsageDetails } from '../event/usage-details.ts';
import type { CostSource, UsageEvent } from '../event/usage-event.ts';

/** A row that changes the cost of an event. */
export interface AdjustmentRow {
  adjusts_id: string;
  recorded_at: Date;
  /** The difference. */
  cost: string;
  computed_cost: string;
  cost_source: CostSource;
  price_id: string | null;
  warnings: string[] | null;
  details: UsageDetails | null;
}

const UUID_GROUPS = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/;

/**
 * The id of an adjustment of an event: the event's own, so many higher. So adjustments lie behind
 * their event in the ledger's primary key, before whatever else is of that millisecond: whoever has
 * the event finds them there, and retention comes to them after it.
 * @param number from 1
 */
export function adjustmentUuid(eventUuid: string, number: number): string {
  const value = BigInt(`0x${eventUuid.replaceAll('-', '')}`) + BigInt(number);
  return value.toString(16).padStart(32, '0').replace(UUID_GROUPS, '$1-$2-$3-$4-$5');
}

/**
 * SQL of the adjustments of an event, for a LATERAL: one probe of the primary key. What has the
 * event's time and the 12 random bits after it is read, which is the event and what adjusts it, and
 * hardly anything else.
 * @param organization SQL of its id
 * @param event SQL of the event's id
 */
export function adjustmentsOf(organization: string, event: string): string {
  return `SELECT * FROM usage_events a
       WHERE a.organization_id = ${organization} AND a.id > ${event}
         AND a.id <= (left(${event}::text, 19) || 'bfff-ffffffffffff')::uuid AND a.adjusts_id = ${event} OFFSET 0`;
}

/**
 * SQL of a list of events, empty where the cost of no event of the organization was ever changed:
 * most never need a look.
 * @param organization SQL of its id
 * @param events SQL of a list of event ids
 */
export function whereAdjusted(organization: string, events: string): string {
  return `CASE WHEN (SELECT o.adjusted_at FROM organizations o WHERE o.id = ${organization}) IS NULL
               THEN '{}' ELSE ${events} END`;
}

/** Adds a difference to a cost; one that is not known counts as 0. */
export function addCost(cost: string | null, difference: string): string {
  return formatMoney((parseMoney(cost ?? '0') ?? 0n) + (parseMoney(difference) ?? 0n));
}

/** What an event is priced by after its last adjustment. */
function adjustDetails(details: UsageDetails | null, last: UsageDetails | null): UsageDetails | null {
  const { discountOf: _, ...others } = details ?? {};
  const adjusted: UsageDetails = {
    ...others,
    ...(last?.parts && details && { parts: last.parts }),
    ...(last?.discountOf && { discountOf: last.discountOf }),
  };
  return Object.keys(adjusted).length === 0 ? null : adjusted;
}

/** What an event costs after its adjustments, and what they were; the event is changed in place. */
export function applyAdjustments(event: UsageEvent, rows: readonly AdjustmentRow[]): void {
  const adjustments: UsageAdjustment[] = [];
  for (const row of rows) {
    const costBefore = event.cost;
    const costAfter = addCost(costBefore, plainDecimal(row.cost));
    adjustments.push({
      atMs: row.recorded_at.getTime(),
      priceId: row.price_id,
      costBefore,
      costAfter,
      reason: row.details?.adjustment?.reason ?? 'priced_later',
    });
    event.cost = costAfter;
  }
  const last = rows.at(-1);
  if (last === undefined) return;
  event.computedCost = plainDecimal(last.computed_cost);
  event.costSource = last.cost_source;
  event.priceId = last.price_id;
  event.unpricedReason = null;
  event.warnings = [...new Set([...event.warnings, ...(last.warnings ?? [])])];
  event.details = adjustDetails(event.details, last.details);
  event.adjustments = adjustments;
}
