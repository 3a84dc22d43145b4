import type { AttoUsd } from '../../../platform/money.ts';
import {
  findPrice,
  isRegionPriced,
  isSamePrice,
  isUnpriced,
  type PriceBook,
  type PriceQuery,
} from '../../pricing/book/match-price.ts';
import type { Price } from '../../pricing/price/price.ts';
import type { Unpriced } from '../../pricing/price/unpriced-reason.ts';
import { countsOf } from '../../pricing/price/usage-counts.ts';
import type { UsageDetails, UsagePart } from '../event/usage-details.ts';
import { chargeUsage } from './charge-usage.ts';
import type { SeenDetails } from './see-details.ts';

/** The price of an event with details, and what is to be said of the choice. */
export interface SeenPrice {
  found: Price | Unpriced;
  /** The time whose prices apply, where another price holds at the event's own. */
  pricedAtMs: number | null;
  warnings: string[];
}

/** The asked model's price, else that of the model which the answer names. */
function findServed(book: PriceBook, query: PriceQuery, servedModel: string | null): Price | Unpriced {
  const asked = findPrice(book, query);
  if (!isUnpriced(asked) || servedModel === null) return asked;
  const served = findPrice(book, { ...query, model: servedModel });
  return isUnpriced(served) ? asked : served;
}

/**
 * The price of the call's start, in its region. The region's base price where there is none of the
 * region: the event is then warned.
 */
export function findSeenPrice(book: PriceBook, query: PriceQuery, seen: SeenDetails): SeenPrice {
  const { region, servedModel, startedAtMs } = seen;
  const found = findServed(book, { ...query, region, timeMs: startedAtMs ?? query.timeMs }, servedModel);
  const warnings: string[] = [];
  if (isUnpriced(found)) return { found, pricedAtMs: startedAtMs, warnings };
  if (!isRegionPriced(found, region)) {
    warnings.push(`no price is known for the region ${region}: it is charged by the price for any region`);
  }
  if (startedAtMs === null) return { found, pricedAtMs: null, warnings };
  const atEnd = findServed(book, { ...query, region }, servedModel);
  const isOther = isUnpriced(atEnd) || !isSamePrice(atEnd, found);
  return { found, pricedAtMs: isOther ? startedAtMs : null, warnings };
}

export interface PricedParts {
  parts: UsagePart[];
  cost: AttoUsd;
  warnings: string[];
}

/** What other models did within the answer, each by its own model's price. */
export function priceParts(book: PriceBook, query: PriceQuery, seen: SeenDetails): PricedParts {
  const priced: PricedParts = { parts: [], cost: 0n, warnings: [] };
  const { region, startedAtMs } = seen;
  for (const { model, counts: given } of seen.parts) {
    const counts = countsOf(given);
    const found = findPrice(book, { ...query, region, model, timeMs: startedAtMs ?? query.timeMs });
    const charge = isUnpriced(found) ? null : chargeUsage(found, counts, null);
    const price = charge?.price ?? null;
    const discountOf = price?.discount?.of;
    priced.parts.push({ model, counts: given, priceId: price?.id ?? null, ...(discountOf && { discountOf }) });
    priced.warnings.push(...(charge?.warnings ?? []));
    if (charge?.price) priced.cost += charge.cost;
    else {
      const tokens = counts.inputTokens + counts.outputTokens;
      priced.warnings.push(`no price is known for ${model}, which used ${tokens} tokens: the cost is without them`);
    }
  }
  return priced;
}

/** What the ledger keeps of the details. What is not known is left out. */
export function toDetails(
  seen: SeenDetails,
  parts: readonly UsagePart[],
  pricedAtMs: number | null,
): UsageDetails | null {
  const { units, responseId, servedModel, region } = seen;
  const details: UsageDetails = {
    ...(units && { units }),
    ...(responseId !== null && { responseId }),
    ...(servedModel !== null && { servedModel }),
    ...(region !== null && { region }),
    ...(parts.length > 0 && { parts }),
    ...(pricedAtMs !== null && { pricedAtMs }),
  };
  return Object.keys(details).length === 0 ? null : details;
}
