import { type AttoUsd, formatMoney } from '../../../platform/money.ts';
import { findPrice, type PriceBook } from '../../pricing/book/match-price.ts';
import type { Price } from '../../pricing/price/price.ts';
import type { Unpriced } from '../../pricing/price/unpriced-reason.ts';
import type { UsageCounts } from '../../pricing/price/usage-counts.ts';
import type { UsageDetails } from '../event/usage-details.ts';
import type { UsageEvent } from '../event/usage-event.ts';
import { type Charge, chargeUsage } from './charge-usage.ts';
import { findSeenPrice, priceParts, toDetails } from './price-seen.ts';
import type { SeenDetails } from './see-details.ts';

export type EventCost = Pick<UsageEvent, 'cost' | 'computedCost' | 'costSource' | 'priceId' | 'unpricedReason'>;

/** An event's cost as the ledger keeps it, and as the integer that sums are made of. */
export interface PricedEvent {
  priced: EventCost;
  costAtto: AttoUsd | null;
  details: UsageDetails | null;
  /** What is to be said of the computed cost; empty where the caller's wins. */
  warnings: readonly string[];
}

export interface PricedQuestion {
  organizationId: string;
  provider: string;
  model: string;
  serviceTier: string;
  timeMs: number;
  counts: UsageCounts;
  /** Null for nearly all events. */
  seen: SeenDetails | null;
}

const NO_WARNINGS: readonly string[] = [];
const NO_USAGE: Charge = { price: null, reason: 'no_usage_reported', warnings: NO_WARNINGS };

function chargeBy(found: Price | Unpriced, { counts, seen }: PricedQuestion): Charge {
  if ('reason' in found) return { price: null, reason: found.reason, warnings: NO_WARNINGS };
  return chargeUsage(found, counts, seen?.units ?? null);
}

/** A discount changes with the catalog's sheet, so the event remembers which one it was taken off. */
function withDiscount(details: UsageDetails | null, { discount }: Price): UsageDetails | null {
  return discount?.of ? { ...details, discountOf: discount.of } : details;
}

/** Beside the caller's cost, which wins: its warnings are then about a cost that does not count. */
function settle(charge: Charge, callerAtto: AttoUsd | null, details: UsageDetails | null): PricedEvent {
  const callerCost = callerAtto === null ? null : formatMoney(callerAtto);
  const warnings = callerCost === null ? charge.warnings : NO_WARNINGS;
  if (charge.price === null) {
    const priced: EventCost = {
      cost: callerCost,
      computedCost: null,
      costSource: callerCost === null ? 'unpriced' : 'caller',
      priceId: null,
      unpricedReason: callerCost === null ? charge.reason : null,
    };
    return { priced, costAtto: callerAtto, details, warnings };
  }
  const computedCost = formatMoney(charge.cost);
  const priced: EventCost = {
    cost: callerCost ?? computedCost,
    computedCost,
    costSource: callerCost !== null ? 'caller' : charge.price.organizationId === null ? 'catalog' : 'override',
    priceId: charge.price.id,
    unpricedReason: null,
  };
  return { priced, costAtto: callerAtto ?? charge.cost, details: withDiscount(details, charge.price), warnings };
}

/** The same of an event with details. */
function priceSeen(
  book: PriceBook,
  question: PricedQuestion,
  seen: SeenDetails,
  callerAtto: AttoUsd | null,
): PricedEvent {
  if (seen.isWithoutUsage) return settle(NO_USAGE, callerAtto, toDetails(seen, [], null));
  const { found, pricedAtMs, warnings } = findSeenPrice(book, question, seen);
  const charge = chargeBy(found, question);
  const { parts, cost, warnings: partWarnings } = priceParts(book, question, seen);
  const details = toDetails(seen, parts, charge.price === null ? seen.startedAtMs : pricedAtMs);
  const all = [...warnings, ...charge.warnings, ...partWarnings];
  if (charge.price === null) return settle({ ...charge, warnings: all }, callerAtto, details);
  return settle({ ...charge, cost: charge.cost + cost, warnings: all }, callerAtto, details);
}

/**
 * What an event costs: the price in force at its own time, beside the caller's cost where one is
 * given, which wins.
 * @param callerAtto already checked
 */
export function priceEvent(book: PriceBook, question: PricedQuestion, callerAtto: AttoUsd | null): PricedEvent {
  const { seen } = question;
  if (seen !== null) return priceSeen(book, question, seen, callerAtto);
  return settle(chargeBy(findPrice(book, question), question), callerAtto, null);
}
