import { formatMoney } from '../../platform/money.ts';
import { findPrice, type PriceBook } from '../pricing/match-price.ts';
import type { UsageCounts } from '../pricing/price.ts';
import { costOf } from '../pricing/price-usage.ts';
import type { UsageEvent } from './usage-event.ts';

export type EventCost = Pick<UsageEvent, 'cost' | 'computedCost' | 'costSource' | 'priceId' | 'unpricedReason'>;

export interface PricedQuestion {
  organizationId: string;
  provider: string;
  model: string;
  serviceTier: string;
  timeMs: number;
  counts: UsageCounts;
}

/**
 * What an event costs: the price in force at its own time, beside the caller's cost where one is given, which wins.
 * @param callerCost decimal text in USD, already checked
 */
export function priceEvent(book: PriceBook, question: PricedQuestion, callerCost: string | null): EventCost {
  const { counts, ...rest } = question;
  const found = findPrice(book, rest);
  if ('reason' in found) {
    return {
      cost: callerCost,
      computedCost: null,
      costSource: callerCost === null ? 'unpriced' : 'caller',
      priceId: null,
      unpricedReason: callerCost === null ? found.reason : null,
    };
  }
  const computedCost = formatMoney(costOf(found, counts));
  return {
    cost: callerCost ?? computedCost,
    computedCost,
    costSource: callerCost !== null ? 'caller' : found.organizationId === null ? 'catalog' : 'override',
    priceId: found.id,
    unpricedReason: null,
  };
}
