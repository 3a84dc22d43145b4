import type { AttoUsd } from '../../../platform/money.ts';
import type { Price } from '../../pricing/price/price.ts';
import { costOf, type PricedUsage, priceUsage } from '../../pricing/price/price-usage.ts';
import type { UnpricedReason } from '../../pricing/price/unpriced-reason.ts';
import type { UsageCounts } from '../../pricing/price/usage-counts.ts';
import type { UsageUnits } from '../../pricing/price/usage-units.ts';

/** What usage costs by a price, or why that is not known; and what is to be said of it. */
export type Charge =
  | { price: Price; cost: AttoUsd; warnings: readonly string[] }
  | { price: null; reason: UnpricedReason; warnings: readonly string[] };

const NO_WARNINGS: readonly string[] = [];

function warningsOf({ unpriced, asTotals }: PricedUsage): string[] {
  return [
    ...unpriced.map(({ unit, quantity }) => `no price is known for ${unit} (${quantity}): the cost is without it`),
    ...asTotals.map(
      ({ unit, quantity, total }) => `${unit} (${quantity}) has no price of its own and is charged as ${total}`,
    ),
  ];
}

/**
 * Charges by a price: the short way where there are no units and all that was counted has a price,
 * else the long one, which also says what has none.
 * @param units null = none
 */
export function chargeUsage(price: Price, counts: UsageCounts, units: UsageUnits | null): Charge {
  const { dispute } = price;
  const short = units === null ? costOf(price, counts) : null;
  if (short !== null) return { price, cost: short, warnings: dispute === null ? NO_WARNINGS : [dispute] };
  const long = priceUsage(price, counts, units);
  const warnings = warningsOf(long);
  if (long.isUnpriced) return { price: null, reason: 'no_price_for_units', warnings };
  return { price, cost: long.cost, warnings: dispute === null ? warnings : [dispute, ...warnings] };
}
