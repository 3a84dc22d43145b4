import type { AttoUsd } from '../../../platform/money.ts';
import type { PriceBook } from '../../pricing/book/match-price.ts';
import { countsOf } from '../../pricing/price/usage-counts.ts';
import type { UsageDetails } from '../event/usage-details.ts';
import type { UsageEvent } from '../event/usage-event.ts';
import { type EventCost, priceEvent } from '../prepare/price-event.ts';

/** What an event would cost if it was recorded now. */
export interface PricedAgain extends Pick<EventCost, 'costSource' | 'priceId'> {
  cost: AttoUsd;
  warnings: readonly string[];
  /** The event's parts with the prices that they are charged by. */
  parts?: UsageDetails['parts'];
}

/**
 * Prices an event that is in the ledger as recording does: by the price in force at its own time, and
 * by the model that its answer names where the one asked for has none. A cost that the caller gave is
 * not looked at.
 * @returns null where it has no price
 */
export function priceAgain(book: PriceBook, event: UsageEvent): PricedAgain | null {
  const { organizationId, provider, serviceTier, details } = event;
  const timeMs = details?.pricedAtMs ?? event.timeMs;
  const counts = countsOf(event);
  for (const model of [event.model, details?.servedModel]) {
    if (model === undefined) continue;
    const { priced, costAtto } = priceEvent(
      book,
      { organizationId, provider, model, serviceTier, timeMs, counts },
      null,
    );
    if (costAtto === null) continue;
    return { cost: costAtto, costSource: priced.costSource, priceId: priced.priceId, warnings: [] };
  }
  return null;
}
