import { formatMoney } from '../../platform/money.ts';
import type { Context } from '../context.ts';
import { findPriceById, peekPrice } from '../pricing/book/find-price-by-id.ts';
import type { Price } from '../pricing/price/price.ts';
import { priceUsage } from '../pricing/price/price-usage.ts';
import { negateCounts } from '../pricing/price/usage-counts.ts';
import type { UsageEvent } from './event/usage-event.ts';

/**
 * One part of a computed cost, as the wire has it: decimal strings in USD; `unitPrice` is for one
 * unit.
 */
export interface CostBreakdownLine {
  unit: string;
  quantity: number;
  unitPrice: string;
  amount: string;
}

type Explained = Omit<UsageEvent, 'tags' | 'metadata' | 'warnings'>;

function linesOf(price: Price, event: Explained): CostBreakdownLine[] {
  const isReversed = event.requests < 0;
  const { lines } = priceUsage(price, isReversed ? negateCounts(event) : event);
  return lines.map(({ unit, quantity, unitPriceText, amount }) => ({
    unit,
    quantity: isReversed ? -quantity : quantity,
    unitPrice: unitPriceText,
    amount: formatMoney(isReversed ? -amount : amount),
  }));
}

/**
 * What the computed cost of an event is made of: worked out again from the price row it was charged
 * by, which never changes, so it need not be stored with every event. Empty for an event without a
 * price. The amounts add up to `computedCost`; those of a reversing row are negative. At once for a
 * price in force, else from the database.
 */
export function explainCost(
  { resources, caller }: Context,
  event: Explained,
): CostBreakdownLine[] | Promise<CostBreakdownLine[]> {
  if (event.priceId === null) return [];
  const { database, prices } = resources;
  const known = peekPrice(prices, event.priceId);
  if (known) return linesOf(known, event);
  return findPriceById(database.pool, prices, caller.organization.id, event.priceId).then((price) =>
    price === null ? [] : linesOf(price, event),
  );
}
