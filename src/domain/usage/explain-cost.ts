import { formatMoney } from '../../platform/money.ts';
import type { Context } from '../context.ts';
import { type ChargedBy, findCharged, peekCharged } from '../pricing/book/find-price-by-id.ts';
import type { Price } from '../pricing/price/price.ts';
import { priceUsage } from '../pricing/price/price-usage.ts';
import { countsOf, negateCounts, type UsageCounts } from '../pricing/price/usage-counts.ts';
import type { UsageUnits } from '../pricing/price/usage-units.ts';
import { negateUnits } from './event/usage-details.ts';
import type { UsageEvent } from './event/usage-event.ts';

/**
 * One part of a computed cost, as the wire has it: decimal strings in USD; `unitPrice` is for one
 * unit.
 */
export interface CostBreakdownLine {
  unit: string;
  /** The model that used it, where it is not the event's. */
  model: string | null;
  quantity: number;
  unitPrice: string;
  amount: string;
}

type Explained = Omit<UsageEvent, 'tags' | 'metadata' | 'warnings'>;

/** What is charged by one price. */
export interface PricedPart extends ChargedBy {
  model: string | null;
  /** Negative in a reversing row. */
  counts: UsageCounts;
  units: UsageUnits | null;
}

/** The event itself, then what other models did within the answer; without those that have no price. */
export function partsOf(event: Explained): PricedPart[] {
  const { priceId, details } = event;
  if (priceId === null) return [];
  const own: PricedPart = {
    priceId,
    discountOf: details?.discountOf ?? null,
    model: null,
    counts: event,
    units: details?.units ?? null,
  };
  if (!details?.parts) return [own];
  const others = details.parts.flatMap(({ model, counts, priceId: price, discountOf = null }) =>
    price === null ? [] : [{ priceId: price, discountOf, model, counts: countsOf(counts), units: null }],
  );
  return [own, ...others];
}

function linesOf(price: Price, { model, counts, units }: PricedPart, isReversed: boolean): CostBreakdownLine[] {
  const { lines } = isReversed
    ? priceUsage(price, negateCounts(counts), units && negateUnits(units))
    : priceUsage(price, counts, units);
  return lines.map(({ unit, quantity, unitPriceText, amount }) => ({
    unit,
    model,
    quantity: isReversed ? -quantity : quantity,
    unitPrice: unitPriceText,
    amount: formatMoney(isReversed ? -amount : amount),
  }));
}

/**
 * What the computed cost of an event is made of: worked out again from the price rows it was charged
 * by, whose amounts never change, so it need not be stored with every event. Empty for an event without a
 * price. The amounts add up to `computedCost`; those of a reversing row are negative. At once for
 * prices in force, else from the database.
 */
export function explainCost(
  { resources, caller }: Context,
  event: Explained,
): CostBreakdownLine[] | Promise<CostBreakdownLine[]> {
  const { database, prices } = resources;
  const isReversed = event.requests < 0;
  const parts = partsOf(event);
  const lines: CostBreakdownLine[] = [];
  for (const part of parts) {
    const known = peekCharged(prices, caller.organization.id, part);
    if (!known) return askAndExplain();
    lines.push(...linesOf(known, part, isReversed));
  }
  return lines;

  async function askAndExplain(): Promise<CostBreakdownLine[]> {
    const explained = parts.map(async (part) => {
      const price = await findCharged(database.pool, prices, caller.organization.id, part);
      return price === null ? [] : linesOf(price, part, isReversed);
    });
    return (await Promise.all(explained)).flat();
  }
}
