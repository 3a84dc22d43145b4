import { type AttoUsd, formatMoney } from '../../../platform/money.ts';
import { findPrice, type PriceBook } from '../../pricing/book/match-price.ts';
import { costOf } from '../../pricing/price/price-usage.ts';
import type { UsageCounts } from '../../pricing/price/usage-counts.ts';
import type { UsageEvent } from '../event/usage-event.ts';

export type EventCost = Pick<UsageEvent, 'cost' | 'computedCost' | 'costSource' | 'priceId' | 'unpricedReason'>;

/** An event's cost as the ledger keeps it, and as the integer that sums are made of. */
export interface PricedEvent {
  priced: EventCost;
  costAtto: AttoUsd | null;
}

export interface PricedQuestion {
  organizationId: string;
  provider: string;
  model: string;
  serviceTier: string;
  timeMs: number;
  counts: UsageCounts;
}

/**
 * What an event costs: the price in force at its own time, beside the caller's cost where one is
 * given, which wins.
 * @param callerAtto already checked
 */
export function priceEvent(book: PriceBook, question: PricedQuestion, callerAtto: AttoUsd | null): PricedEvent {
  const found = findPrice(book, question);
  const callerCost = callerAtto === null ? null : formatMoney(callerAtto);
  if ('reason' in found) {
    const priced: EventCost = {
      cost: callerCost,
      computedCost: null,
      costSource: callerCost === null ? 'unpriced' : 'caller',
      priceId: null,
      unpricedReason: callerCost === null ? found.reason : null,
    };
    return { priced, costAtto: callerAtto };
  }
  const computed = costOf(found, question.counts);
  const computedCost = formatMoney(computed);
  const priced: EventCost = {
    cost: callerCost ?? computedCost,
    computedCost,
    costSource: callerCost !== null ? 'caller' : found.organizationId === null ? 'catalog' : 'override',
    priceId: found.id,
    unpricedReason: null,
  };
  return { priced, costAtto: callerAtto ?? computed };
}
