import { invalidRequest } from '../../../platform/errors.ts';
import { type AttoUsd, formatMoney } from '../../../platform/money.ts';
import { findCountProblems } from './check-counts.ts';
import {
  COUNTED_UNITS,
  type CompiledPrice,
  type CountedUnit,
  cardFor,
  compilePrice,
  type Rates,
} from './compile-price.ts';
import type { Price } from './price.ts';
import type { UsageCounts } from './usage-counts.ts';

/** One part of a cost: `amount` = `quantity` x `unitPrice`, exactly. */
export interface CostLine {
  unit: CountedUnit;
  quantity: number;
  /** For ONE unit, not for a million. */
  unitPrice: AttoUsd;
  /** The same as a decimal string in USD. */
  unitPriceText: string;
  amount: AttoUsd;
}

export interface PricedUsage {
  cost: AttoUsd;
  /**
   * No token is in two lines, and the amounts sum to `cost`. Without what is zero or has no price.
   */
  lines: CostLine[];
}

/**
 * Splits counts, whose totals include their parts, into disjoint quantities by unit, as
 * genai-prices 0.1.8 does: a part is taken out of its total only if the sheet prices it; else it
 * stays there and pays the total's rate (1h write -> cache write -> input; cache read -> input;
 * reasoning -> output; audio -> text). A total without a price of its own costs nothing: embedding
 * models have no output price.
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
    requests: 1,
  };
}

const compiledPrices = new WeakMap<Price, CompiledPrice>();

function compiledOf(price: Price): CompiledPrice {
  let compiled = compiledPrices.get(price);
  if (compiled === undefined) {
    compiled = compilePrice(price);
    compiledPrices.set(price, compiled);
  }
  return compiled;
}

/**
 * The exact cost of one request and what it is made of. The tier is chosen by the request's whole
 * input.
 * @throws AppError invalid_request when the counts contradict each other (`findCountProblems`)
 */
export function priceUsage(price: Price, counts: UsageCounts): PricedUsage {
  const problems = findCountProblems(counts);
  if (problems.length > 0) throw invalidRequest(problems);
  const card = cardFor(compiledOf(price), counts.inputTokens);
  const quantities = splitCounts(counts, card.rates);
  const lines: CostLine[] = [];
  let cost = 0n;
  for (const unit of COUNTED_UNITS) {
    const quantity = quantities[unit];
    const unitPrice = card.rates[unit] ?? null;
    if (!quantity || unitPrice === null) continue;
    const amount = BigInt(quantity) * unitPrice;
    cost += amount;
    lines.push({ unit, quantity, unitPrice, unitPriceText: card.texts[unit] ?? formatMoney(unitPrice), amount });
  }
  return { cost, lines };
}

/**
 * The cost alone, without the lines.
 * @param counts checked by the caller: `findCountProblems` finds nothing wrong with them
 */
export function costOf(price: Price, counts: UsageCounts): AttoUsd {
  const card = cardFor(compiledOf(price), counts.inputTokens);
  const quantities = splitCounts(counts, card.rates);
  let cost = 0n;
  for (const unit of COUNTED_UNITS) {
    const quantity = quantities[unit];
    const unitPrice = quantity && card.rates[unit];
    if (unitPrice) cost += BigInt(quantity) * unitPrice;
  }
  return cost;
}
