import { invalidRequest } from '../../../platform/errors.ts';
import { type AttoUsd, divideHalfEven, formatMoney } from '../../../platform/money.ts';
import { findCountProblems } from './check-counts.ts';
import {
  CHARGED_UNITS,
  type ChargedUnit,
  COUNTED_UNITS,
  type CompiledPrice,
  type CountedUnit,
  cardFor,
  compilePrice,
  type RateCard,
  type Rates,
} from './compile-price.ts';
import type { Price } from './price.ts';
import { splitUnits } from './split-units.ts';
import type { UsageCounts } from './usage-counts.ts';
import { USAGE_UNITS, type UsageUnits } from './usage-units.ts';

/**
 * One part of a cost: `amount` = `quantity` x `unitPrice`, exactly. Where the price of one unit is no
 * whole number of 10^-18 USD (a second, at so much an hour), both are rounded half to even, the
 * amount from the exact product. So it is, too, where a discount leaves a price that is no such number.
 */
export interface CostLine {
  unit: ChargedUnit;
  quantity: number;
  /** For ONE unit, not for a million. */
  unitPrice: AttoUsd;
  /** The same as a decimal string in USD. */
  unitPriceText: string;
  amount: AttoUsd;
}

/** A quantity that was counted. */
export interface CountedQuantity {
  unit: ChargedUnit;
  quantity: number;
}

/** A part that was charged by the price of its total. */
export interface PartCharged extends CountedQuantity {
  total: ChargedUnit;
}

export interface PricedUsage {
  cost: AttoUsd;
  /**
   * No token is in two lines, and the amounts sum to `cost`. Without what is zero or has no price.
   */
  lines: CostLine[];
  /** What was counted and has no price, nor has what includes it. */
  unpriced: CountedQuantity[];
  /** Units without a price of their own that were charged as what includes them, cache and audio aside. */
  asTotals: PartCharged[];
  /**
   * Whether the cost says nothing: none of what was counted has a price, or nothing was counted of
   * what the sheet charges by.
   */
  isUnpriced: boolean;
}

/**
 * Splits counts, whose totals include their parts, into disjoint quantities by unit, as
 * genai-prices 0.1.8 does: a part is taken out of its total only if the sheet prices it; else it
 * stays there and pays the total's rate (1h write -> cache write -> input; cache read -> input;
 * reasoning -> output; audio -> text).
 *
 * @NOTE Counts do not say which audio was cached, and genai-prices refuses to price without
 * knowing. We take as little overlap as the totals allow; audio that must be cached pays the cached
 * audio rate, else the cache's.
 */
function splitCounts(counts: UsageCounts, rates: Rates): Record<CountedUnit, number> {
  const read = rates.cache_read_tokens === null ? 0 : counts.cacheReadTokens;
  const write1h = rates.cache_write_1h_tokens === null ? 0 : counts.cacheWrite1hTokens;
  const write = rates.cache_write_tokens === null ? 0 : counts.cacheWriteTokens - write1h;
  const uncached = counts.inputTokens - read - write - write1h;
  const inputAudio = rates.input_audio_tokens === null ? 0 : counts.inputAudioTokens;
  const freshAudio = Math.min(inputAudio, uncached);
  const audioRead = rates.cache_audio_read_tokens === null ? 0 : Math.min(inputAudio - freshAudio, read);
  const reasoning = rates.reasoning_tokens === null ? 0 : counts.reasoningTokens;
  const spoken = rates.output_audio_tokens === null ? 0 : counts.outputAudioTokens;
  const outputAudio = Math.min(spoken, counts.outputTokens - reasoning);
  return {
    input_tokens: uncached - freshAudio,
    cache_read_tokens: read - audioRead,
    cache_write_tokens: write,
    cache_write_1h_tokens: write1h,
    input_audio_tokens: freshAudio,
    cache_audio_read_tokens: audioRead,
    output_tokens: counts.outputTokens - reasoning - outputAudio,
    reasoning_tokens: reasoning,
    output_audio_tokens: outputAudio,
    web_searches: counts.webSearches,
    requests: rates.requests === null ? 0 : 1,
  };
}

const NO_UNITS: UsageUnits = {};
const compiledPrices = new WeakMap<Price, CompiledPrice>();

function compiledOf(price: Price): CompiledPrice {
  let compiled = compiledPrices.get(price);
  if (compiled === undefined) {
    compiled = compilePrice(price);
    compiledPrices.set(price, compiled);
  }
  return compiled;
}

/** The lines of an event without units, by whole rates. Adds to `unpriced`. */
function lineCounts(counts: UsageCounts, { rates, texts }: RateCard, unpriced: CountedQuantity[]): CostLine[] {
  const quantities = splitCounts(counts, rates);
  const lines: CostLine[] = [];
  for (const unit of COUNTED_UNITS) {
    const quantity = quantities[unit];
    if (!quantity) continue;
    const unitPrice = rates[unit] ?? null;
    if (unitPrice === null) {
      unpriced.push({ unit, quantity });
      continue;
    }
    const amount = BigInt(quantity) * unitPrice;
    lines.push({ unit, quantity, unitPrice, unitPriceText: texts[unit] ?? formatMoney(unitPrice), amount });
  }
  return lines;
}

/** The same of any event, by fractions: the long form of `lineCounts`. */
function lineUnits(counts: UsageCounts, units: UsageUnits, { all }: RateCard, unpriced: CountedQuantity[]): CostLine[] {
  const quantities = splitUnits(counts, units, (unit) => all.has(unit));
  const lines: CostLine[] = [];
  for (const unit of CHARGED_UNITS) {
    const quantity = quantities.get(unit) ?? 0;
    if (quantity === 0) continue;
    const rate = all.get(unit);
    if (rate === undefined) {
      unpriced.push({ unit, quantity });
      continue;
    }
    const amount = divideHalfEven(BigInt(quantity) * rate.price, rate.per);
    lines.push({ unit, quantity, unitPrice: rate.each, unitPriceText: rate.text, amount });
  }
  return lines;
}

/**
 * Parts that were stated and have no price of their own. A cache and audio are often not priced apart,
 * and rightly so; an image that pays for text may be far too cheap.
 */
function listAsTotals(units: UsageUnits, { all }: RateCard): PartCharged[] {
  return USAGE_UNITS.flatMap(({ unit, partOf }) => {
    const quantity = units[unit] ?? 0;
    if (quantity === 0 || partOf === null || unit.startsWith('cache_')) return [];
    return !all.has(unit) && all.has(partOf) && (units.input_document_pages || unit.endsWith('_tokens'))
      ? [{ unit, quantity, total: partOf }]
      : [];
  });
}

/**
 * The exact cost of one request and what it is made of. The tier is chosen by the request's whole
 * input.
 * @param units what was used beside the counts; null = nothing
 * @throws AppError invalid_request when the counts contradict each other (`findCountProblems`)
 */
export function priceUsage(price: Price, counts: UsageCounts, units: UsageUnits | null = null): PricedUsage {
  const problems = findCountProblems(counts);
  if (problems.length > 0) throw invalidRequest(problems);
  const compiled = compiledOf(price);
  if (compiled.isFree) return { cost: 0n, lines: [], unpriced: [], asTotals: [], isUnpriced: false };
  const card = cardFor(compiled, counts.inputTokens);
  const unpriced: CountedQuantity[] = [];
  const lines =
    units === null && compiled.isWhole
      ? lineCounts(counts, card, unpriced)
      : lineUnits(counts, units ?? NO_UNITS, card, unpriced);
  let cost = 0n;
  for (const line of lines) cost += line.amount;
  const asTotals = units === null ? [] : listAsTotals(units, card);
  const isUnpriced = lines.length === 0 && (unpriced.length > 0 || !compiled.isByCounts);
  return { cost, lines, unpriced, asTotals, isUnpriced };
}

/**
 * The cost of an event without units, without the lines; null where something that was counted has no
 * price, the sheet charges by other things, or amounts must be rounded: then `priceUsage` says more.
 * @param counts checked by the caller: `findCountProblems` finds nothing wrong with them
 */
export function costOf(price: Price, counts: UsageCounts): AttoUsd | null {
  const compiled = compiledOf(price);
  if (!compiled.isByCounts) return compiled.isFree ? 0n : null;
  if (!compiled.isWhole) return null;
  const { rates } = cardFor(compiled, counts.inputTokens);
  const quantities = splitCounts(counts, rates);
  let cost = 0n;
  for (const unit of COUNTED_UNITS) {
    const quantity = quantities[unit];
    const unitPrice = quantity && rates[unit];
    if (unitPrice) cost += BigInt(quantity) * unitPrice;
    else if (unitPrice === null) return null;
  }
  return cost;
}
