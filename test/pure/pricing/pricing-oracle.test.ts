import fc from 'fast-check';
import { expect, test } from 'vitest';

import type { Price } from '../../../src/domain/pricing/price/price.ts';
import { priceUsage } from '../../../src/domain/pricing/price/price-usage.ts';
import type { UsageCounts } from '../../../src/domain/pricing/price/usage-counts.ts';
import { genaiCatalog } from './genai-catalog.ts';
import { anyCounts } from './pricing-counts.ts';

const catalog = genaiCatalog;

/** What a unit is, as a set of properties: a unit with more of them is a part of one with fewer. */
const KINDS: Record<string, string> = {
  input_tokens: 'in',
  cache_read_tokens: 'in read',
  cache_write_tokens: 'in write',
  cache_write_1h_tokens: 'in write 1h',
  input_audio_tokens: 'in audio',
  cache_audio_read_tokens: 'in read audio',
  output_tokens: 'out',
  reasoning_tokens: 'out reasoning',
  output_audio_tokens: 'out audio',
  web_searches: 'search',
  requests: 'request',
};

/** Fractions, no scale: [numerator, denominator]. */
function fraction(decimal: string): [bigint, bigint] {
  const [whole = '', digits = ''] = decimal.split('.');
  return [BigInt(whole + digits), BigInt(`1${'0'.repeat(digits.length)}`)];
}

/**
 * The cost in another way: the units in order from the finest, each gets what it includes less what
 * the finer ones took (the published method of genai-prices), and the products are summed as
 * fractions.
 */
function oracle(price: Price, counts: UsageCounts): [bigint, bigint] {
  const priced = price.units.filter(({ unit }) => unit in KINDS);
  const kindsOf = (unit: string) => new Set((KINDS[unit] ?? '').split(' '));
  const cached = priced.reduce((sum, { unit }) => {
    return unit === 'cache_read_tokens'
      ? sum + counts.cacheReadTokens
      : unit === 'cache_write_tokens'
        ? sum + counts.cacheWriteTokens
        : sum;
  }, 0);
  const value: Record<string, number> = {
    input_tokens: counts.inputTokens,
    cache_read_tokens: counts.cacheReadTokens,
    cache_write_tokens: counts.cacheWriteTokens,
    cache_write_1h_tokens: counts.cacheWrite1hTokens,
    input_audio_tokens: counts.inputAudioTokens,
    cache_audio_read_tokens: Math.max(0, counts.inputAudioTokens + cached - counts.inputTokens),
    output_tokens: counts.outputTokens,
    reasoning_tokens: counts.reasoningTokens,
    output_audio_tokens: counts.outputAudioTokens,
    web_searches: counts.webSearches,
    requests: 1,
  };
  const taken = new Map<string, number>();
  let [numerator, denominator] = [0n, 1n];
  for (const { unit, per, price: base, tiers } of priced.toSorted(
    (a, b) => kindsOf(b.unit).size - kindsOf(a.unit).size,
  )) {
    const finer = [...taken].filter(([other]) => kindsOf(other).isSupersetOf(kindsOf(unit)));
    const quantity = finer.reduce((left, [, amount]) => left - amount, value[unit] ?? 0);
    taken.set(unit, quantity);
    let text = base;
    for (const tier of tiers) if (counts.inputTokens > tier.above) text = tier.price;
    const [top, bottom] = fraction(text);
    const divisor = bottom * BigInt(per);
    numerator = numerator * divisor + BigInt(quantity) * top * denominator;
    denominator *= divisor;
  }
  return [numerator, denominator];
}

test('a cost equals the fraction worked out another way, to the last of its 18 digits', () => {
  fc.assert(
    fc.property(fc.constantFrom(...catalog.prices), anyCounts, (price, counts) => {
      const [numerator, denominator] = oracle(price, counts);
      expect(priceUsage(price, counts).cost * denominator).toBe(numerator * 10n ** 18n);
    }),
    { numRuns: 5000 },
  );
});
