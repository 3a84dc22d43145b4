import type { AttoUsd } from '../../../platform/money.ts';
import type { PriceBook } from '../../pricing/book/match-price.ts';
import { countsOf, type UsageCounts } from '../../pricing/price/usage-counts.ts';
import type { UsageDetails } from '../event/usage-details.ts';
import type { UsageEvent } from '../event/usage-event.ts';
import { type EventCost, priceEvent } from '../prepare/price-event.ts';
import { recallDetails } from '../prepare/see-details.ts';

/** What an event would cost if it was recorded now. */
export interface PricedAgain extends Pick<EventCost, 'costSource' | 'priceId'> {
  cost: AttoUsd;
  warnings: readonly string[];
  /** The event's parts with the prices that they are charged by. */
  parts?: UsageDetails['parts'];
  /** UUID of the catalog's sheet, where the price is a discount on it. */
  discountOf?: UsageDetails['discountOf'];
}

/** What of an event its price depends on. */
export type PriceableEvent = UsageCounts &
  Pick<UsageEvent, 'organizationId' | 'provider' | 'model' | 'serviceTier' | 'timeMs' | 'details' | 'unpricedReason'>;

/**
 * Prices an event that is in the ledger as recording does: by the price in force at its own time. A
 * cost that the caller gave is not looked at.
 * @returns null where it has no price
 */
export function priceAgain(book: PriceBook, event: PriceableEvent): PricedAgain | null {
  const { organizationId, provider, model, serviceTier, timeMs } = event;
  const seen = recallDetails(event);
  const question = { organizationId, provider, model, serviceTier, timeMs, counts: countsOf(event), seen };
  const { priced, costAtto, details, warnings } = priceEvent(book, question, null);
  if (costAtto === null) return null;
  const { costSource, priceId } = priced;
  return { cost: costAtto, costSource, priceId, warnings, parts: details?.parts, discountOf: details?.discountOf };
}
