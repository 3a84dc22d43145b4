import { formatMoney } from '../../platform/money.ts';
import type { Context } from '../context.ts';
import { findPriceById, peekPrice } from '../pricing/find-price-by-id.ts';
import type { Price } from '../pricing/price.ts';
import { priceUsage } from '../pricing/price-usage.ts';
import type { UsageEvent } from './usage-event.ts';

/** One part of a computed cost, as the wire has it: decimal texts in USD; `unitPrice` is for one unit. */
export interface CostBreakdownLine {
  unit: string;
  quantity: number;
  unitPrice: string;
  amount: string;
}

type Explained = Omit<UsageEvent, 'tags' | 'metadata' | 'warnings'>;

function linesOf(price: Price, event: Explained): CostBreakdownLine[] {
  const sign = event.requests < 0 ? -1 : 1;
  const counts = {
    inputTokens: event.inputTokens * sign,
    outputTokens: event.outputTokens * sign,
    cacheReadTokens: event.cacheReadTokens * sign,
    cacheWriteTokens: event.cacheWriteTokens * sign,
    cacheWrite1hTokens: event.cacheWrite1hTokens * sign,
    reasoningTokens: event.reasoningTokens * sign,
    inputAudioTokens: event.inputAudioTokens * sign,
    outputAudioTokens: event.outputAudioTokens * sign,
    webSearches: event.webSearches * sign,
  };
  return priceUsage(price, counts).lines.map(({ unit, quantity, unitPrice, amount }) => ({
    unit,
    quantity: quantity * sign,
    unitPrice: formatMoney(unitPrice),
    amount: formatMoney(amount * BigInt(sign)),
  }));
}

/**
 * What the computed cost of an event is made of: worked out again from the price row it was charged by, which never
 * changes, so it need not be stored with every event. Empty for an event without a price. The amounts add up to
 * `computedCost`; those of a reversing row are negative. At once for a price in force, else from the database.
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
