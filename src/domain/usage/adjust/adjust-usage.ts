import { formatId } from '../../../platform/ids.ts';
import { formatMoney, parseMoney } from '../../../platform/money.ts';
import type { Sql } from '../../../platform/postgres/database.ts';
import type { Resources } from '../../context.ts';
import { formatTags } from '../../input/read-tags.ts';
import { countsOf } from '../../pricing/price/usage-counts.ts';
import type { AdjustmentReason } from '../event/usage-adjustment.ts';
import type { UsageEvent, UsageRow } from '../event/usage-event.ts';
import { readUsageEvent, USAGE_EVENT_COLUMNS, type UsageEventRow, usageEventsBy } from '../event/usage-event-row.ts';
import { hashText } from '../prepare/hash-usage.ts';
import { ADJUST_PREFIX } from '../prepare/normalize-usage.ts';
import { type WriteRows, withLocks } from '../write/write-locked.ts';
import { adjustmentUuid } from './adjustment-rows.ts';
import { markCorrected } from './mark-corrected.ts';
import type { PricedAgain } from './price-again.ts';

/** Events that one transaction adjusts: short, so that writers of the organization hardly wait. */
export const ADJUSTED_AT_ONCE = 200;

export interface AdjustingResources extends Pick<Resources, 'database' | 'budgets' | 'clock'> {
  notices: Pick<Resources['notices'], 'wake'>;
}

export interface Adjusting {
  organizationId: string;
  /** UUIDs of events, at most `ADJUSTED_AT_ONCE`. */
  ids: readonly string[];
  reason: AdjustmentReason;
  /** UUID of the job that asks for it. */
  jobId?: string;
  /** What an event is to cost, which is as it stands under the lock; null leaves it as it is. */
  price(event: UsageEvent): PricedAgain | null;
}

// Retention removes what is before its cutoff in steps: what it has not come to yet is left out, too.
const READ = {
  name: 'adjustable-events',
  text: `
    SELECT ${USAGE_EVENT_COLUMNS}, e.series_id,
           (SELECT o.adjusted_at IS NULL FROM organizations o WHERE o.id = $1) AS is_first
      FROM ${usageEventsBy('unnest($2::uuid[]) AS of(id)', 'e.organization_id = $1 AND e.id = of.id')}
     WHERE e.adjusts_id IS NULL AND e.voids_id IS NULL
       AND e.time >= coalesce((SELECT o.retired_before FROM organizations o WHERE o.id = $1), '-infinity')`,
};
const SAY_ADJUSTED = {
  name: 'say-adjusted',
  text: 'UPDATE organizations SET adjusted_at = $2 WHERE id = $1 AND adjusted_at IS NULL',
};

/** An event that was held against its price, as it stood; `after` is null where it costs what it did. */
export interface HeldAgainstPrice {
  event: UsageEvent;
  after: PricedAgain | null;
}

/** The row that changes the cost of an event: the same in all that is grouped by, only costs differ. */
function toRow(event: UsageEvent, seriesId: number, after: PricedAgain, asked: Adjusting, nowMs: number): UsageRow {
  const number = (event.adjustments?.length ?? 0) + 1;
  const eventId = `${ADJUST_PREFIX}${formatId('usageEvent', event.id)}:${number}`;
  const costAtto = after.cost - (event.cost === null ? 0n : (parseMoney(event.cost) ?? 0n));
  return {
    event: {
      ...event,
      ...countsOf({}),
      id: adjustmentUuid(event.id, number),
      eventId,
      recordedAtMs: nowMs,
      metadata: null,
      requests: 0,
      cost: formatMoney(costAtto),
      computedCost: formatMoney(after.cost),
      costSource: after.costSource,
      priceId: after.priceId,
      unpricedReason: null,
      warnings: [...after.warnings],
      details: {
        adjustment: { reason: asked.reason, jobId: asked.jobId },
        ...(after.parts && { parts: after.parts }),
        ...(after.discountOf && { discountOf: after.discountOf }),
      },
      holdId: null,
      adjustsId: event.id,
      adjustments: null,
    },
    seriesId,
    bodyHash: hashText(eventId),
    costAtto,
    tagsText: formatTags(event.tags),
    unpricedChange: event.cost === null ? -1 : null,
    requireCredits: false,
  };
}

/**
 * Adjusts events in a transaction that holds the lock of their organization, see {@link adjustUsage}.
 * @returns the events that are there and were not voided, changed or not
 */
export async function adjustLocked(
  sql: Sql,
  write: WriteRows,
  asked: Adjusting,
  nowMs: number,
): Promise<HeldAgainstPrice[]> {
  const found = await sql.query<UsageEventRow & { series_id: number; is_first: boolean }>({
    ...READ,
    values: [asked.organizationId, asked.ids],
  });
  const events = await markCorrected(sql, found.rows.map(readUsageEvent));
  const rows: UsageRow[] = [];
  const held = events.flatMap((event, at): HeldAgainstPrice[] => {
    if (event.voidedById !== null) return [];
    // What a caller gave stays.
    const after = event.costSource === 'caller' ? null : asked.price(event);
    if (after === null || formatMoney(after.cost) === event.cost) return [{ event, after: null }];
    rows.push(toRow(event, found.rows[at]?.series_id ?? 0, after, asked, nowMs));
    return [{ event, after }];
  });
  if (rows.length > 0) {
    if (found.rows[0]?.is_first) {
      await sql.query({ ...SAY_ADJUSTED, values: [asked.organizationId, new Date(nowMs)] });
    }
    await write(rows);
  }
  return held;
}

/**
 * Changes what events cost, by a row of the ledger for each, in one transaction with every sum, budget
 * and credit. What an event is to cost is decided under the lock of its organization: it is then
 * known whether the event was voided, and what it costs. So nothing is adjusted twice, whoever tries
 * and however often, and no voided event is. A cost that the
 * caller gave stays. Events that retention removes are left out.
 * @returns how many events cost something else now
 */
export async function adjustUsage(
  resources: AdjustingResources,
  asked: Adjusting,
  signal?: AbortSignal,
): Promise<number> {
  const { database, budgets, clock, notices } = resources;
  const nowMs = clock();
  const settings = { database, budgets, atMs: nowMs, areNew: true, signal };
  const adjust = (sql: Sql, write: WriteRows) => adjustLocked(sql, write, asked, nowMs);
  const held = await database.retryingLostConnections(() => withLocks(settings, [asked.organizationId], adjust));
  const adjusted = held.filter(({ after }) => after !== null).length;
  if (adjusted > 0) notices.wake(asked.organizationId);
  return adjusted;
}
