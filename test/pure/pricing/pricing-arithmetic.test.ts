import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findPrice, isUnpriced } from '../../../src/domain/pricing/book/match-price.ts';
import { createPriceBook } from '../../../src/domain/pricing/book/price-book.ts';
import { readCatalog } from '../../../src/domain/pricing/catalog/read-catalog.ts';
import type { Price, UnitPrice } from '../../../src/domain/pricing/price/price.ts';
import { costOf, priceUsage } from '../../../src/domain/pricing/price/price-usage.ts';
import type { UsageCounts } from '../../../src/domain/pricing/price/usage-counts.ts';
import { formatMoney } from '../../../src/platform/money.ts';
import { anyCounts, counts } from './pricing-counts.ts';

const catalog = await readCatalog();
const book = createPriceBook(catalog);
const NOW = Date.UTC(2026, 10, 22, 10);

function priceOf(provider: string, model: string, timeMs = NOW): Price {
  const found = findPrice(book, { provider, model, timeMs });
  if (isUnpriced(found)) throw new Error(`${provider} ${model}: ${found.reason}`);
  return found;
}

function cost(provider: string, model: string, given: Partial<UsageCounts>, timeMs = NOW): string {
  return formatMoney(priceUsage(priceOf(provider, model, timeMs), counts(given)).cost);
}

function sheet(units: Record<string, string>): Price {
  const [template] = catalog.prices;
  if (!template) throw new Error('The catalog is empty');
  const list = Object.entries(units).map(([unit, price]): UnitPrice => ({ unit, price, per: 1_000_000, tiers: [] }));
  return { ...template, units: list };
}

describe('a cost', () => {
  const sonnet = { inputTokens: 10_000, outputTokens: 500, cacheReadTokens: 6000, cacheWriteTokens: 3000 };
  test.each<[string, string, Partial<UsageCounts>, string, number?]>([
    ['openai', 'gpt-4o', { inputTokens: 1000, outputTokens: 500 }, '0.0075'],
    ['openai', 'gpt-4o', { inputTokens: 1000, outputTokens: 500, cacheReadTokens: 400 }, '0.007'],
    ['anthropic', 'claude-sonnet-4-5', sonnet, '0.02355'],
    ['anthropic', 'claude-sonnet-4-5', { ...sonnet, cacheWrite1hTokens: 2000 }, '0.02805'],
    ['anthropic', 'claude-sonnet-4-5', { inputTokens: 250_000, outputTokens: 1000 }, '1.5225'],
    ['google', 'gemini-2.5-pro', { inputTokens: 200_000, outputTokens: 1000 }, '0.26'],
    ['google', 'gemini-2.5-pro', { inputTokens: 200_001, outputTokens: 1000 }, '0.5150025'],
    ['google', 'gemini-2.5-pro', { inputTokens: 300_000, outputTokens: 1000, cacheReadTokens: 100_000 }, '0.54'],
    ['openai', 'o3', { inputTokens: 1000, outputTokens: 1000 }, '0.05', Date.UTC(2025, 5, 1)],
    ['openai', 'o3', { inputTokens: 1000, outputTokens: 1000 }, '0.01', Date.UTC(2025, 6, 1)],
    ['aws', 'us.anthropic.claude-sonnet-4-5-20250929-v1:0', { inputTokens: 1000, outputTokens: 1000 }, '0.0198'],
    ['aws', 'global.anthropic.claude-sonnet-4-5-20250929-v1:0', { inputTokens: 1000, outputTokens: 1000 }, '0.018'],
  ])('of %s %s for %j is exactly %s USD', (provider, model, given, expected, timeMs) => {
    expect(cost(provider, model, given, timeMs)).toBe(expected);
  });

  test('is the sum of its lines, and each line is its quantity times its price for one', () => {
    const anyPrice = fc.constantFrom(...catalog.prices);
    fc.assert(
      fc.property(anyPrice, anyCounts, (price, given) => {
        const priced = priceUsage(price, given);
        let sum = 0n;
        for (const line of priced.lines) {
          expect(line.amount).toBe(BigInt(line.quantity) * line.unitPrice);
          expect(line.quantity).toBeGreaterThan(0);
          sum += line.amount;
        }
        expect(priced.cost).toBe(sum);
        const isShort = priced.unpriced.length === 0 && !priced.isUnpriced;
        expect(costOf(price, given) ?? (isShort ? null : priced.cost)).toBe(priced.cost);
      }),
      { numRuns: 3000 },
    );
  });

  test('charges no token twice: the lines of a sheet with an input and an output price have every token once', () => {
    const whole = catalog.prices.filter(({ units }) =>
      ['input_tokens', 'output_tokens'].every((name) => units.some(({ unit }) => unit === name)),
    );
    const isOutput = (unit: string) => ['output_tokens', 'reasoning_tokens', 'output_audio_tokens'].includes(unit);
    fc.assert(
      fc.property(fc.constantFrom(...whole), anyCounts, (price, given) => {
        const tokens = priceUsage(price, given).lines.filter(({ unit }) => unit.endsWith('_tokens'));
        const total = (output: boolean) =>
          tokens.filter(({ unit }) => isOutput(unit) === output).reduce((sum, { quantity }) => sum + quantity, 0);
        expect([total(false), total(true)]).toEqual([given.inputTokens, given.outputTokens]);
      }),
      { numRuns: 3000 },
    );
  });

  test('charges every token once by whatever parts a sheet prices: no quantity is negative, and they add up', () => {
    const PARTS = [
      ...['cache_read_tokens', 'cache_write_tokens', 'cache_write_1h_tokens', 'input_audio_tokens'],
      ...['cache_audio_read_tokens', 'reasoning_tokens', 'output_audio_tokens'],
    ];
    const isOutput = (unit: string) => ['output_tokens', 'reasoning_tokens', 'output_audio_tokens'].includes(unit);
    fc.assert(
      fc.property(fc.subarray(PARTS), anyCounts, (parts, given) => {
        const units = ['input_tokens', 'output_tokens', ...parts];
        const { lines } = priceUsage(sheet(Object.fromEntries(units.map((unit) => [unit, '1']))), given);
        expect(lines.filter(({ quantity }) => quantity < 0)).toEqual([]);
        const total = (output: boolean) =>
          lines.filter(({ unit }) => isOutput(unit) === output).reduce((sum, { quantity }) => sum + quantity, 0);
        expect([total(false), total(true)]).toEqual([given.inputTokens, given.outputTokens]);
      }),
      { numRuns: 2000 },
    );
  });

  test('names its parts: cache, one-hour cache, web searches and plain text apart', () => {
    const { lines } = priceUsage(
      priceOf('anthropic', 'claude-sonnet-4-5'),
      counts({ ...sonnet, cacheWrite1hTokens: 2000, reasoningTokens: 100, webSearches: 3 }),
    );
    const rows = lines.map((line) => [line.unit, line.quantity, formatMoney(line.unitPrice), formatMoney(line.amount)]);
    expect(rows).toEqual([
      ['input_tokens', 1000, '0.000003', '0.003'],
      ['cache_read_tokens', 6000, '0.0000003', '0.0018'],
      ['cache_write_tokens', 1000, '0.00000375', '0.00375'],
      ['cache_write_1h_tokens', 2000, '0.000006', '0.012'],
      ['output_tokens', 500, '0.000015', '0.0075'],
      ['web_searches', 3, '0.01', '0.03'],
    ]);
  });

  test('of a part without a price is that of the whole it is part of', () => {
    const plain = sheet({ input_tokens: '2', output_tokens: '8' });
    const all = counts({
      inputTokens: 100,
      outputTokens: 50,
      cacheReadTokens: 30,
      cacheWriteTokens: 20,
      cacheWrite1hTokens: 10,
      inputAudioTokens: 60,
      reasoningTokens: 40,
      outputAudioTokens: 10,
    });
    expect(formatMoney(priceUsage(plain, all).cost)).toBe('0.0006');
    const cacheWrite = sheet({ input_tokens: '2', output_tokens: '8', cache_write_tokens: '3' });
    expect(formatMoney(priceUsage(cacheWrite, all).cost)).toBe('0.00062');
    const cacheWrite1h = sheet({ input_tokens: '2', output_tokens: '8', cache_write_1h_tokens: '4' });
    expect(formatMoney(priceUsage(cacheWrite1h, all).cost)).toBe('0.00062');
  });

  test('takes as little cached audio as the totals allow', () => {
    const audio = sheet({
      input_tokens: '1',
      cache_read_tokens: '10',
      input_audio_tokens: '100',
      cache_audio_read_tokens: '1000',
    });
    const quantities = (given: Partial<UsageCounts>) =>
      Object.fromEntries(priceUsage(audio, counts(given)).lines.map(({ unit, quantity }) => [unit, quantity]));
    expect(quantities({ inputTokens: 100, cacheReadTokens: 40, inputAudioTokens: 60 })).toEqual({
      cache_read_tokens: 40,
      input_audio_tokens: 60,
    });
    expect(quantities({ inputTokens: 100, cacheReadTokens: 40, inputAudioTokens: 90 })).toEqual({
      cache_read_tokens: 10,
      input_audio_tokens: 60,
      cache_audio_read_tokens: 30,
    });
  });

  test('stays exact at the largest counts', () => {
    const price = sheet({ input_tokens: '0.000000000001', output_tokens: '600.123456789012' });
    const most = Number.MAX_SAFE_INTEGER;
    const expected = BigInt(most) + BigInt(most) * 600123456789012n;
    expect(costOf(price, counts({ inputTokens: most, outputTokens: most }))).toBe(expected);
  });

  test.each<[string, Partial<UsageCounts>, string]>([
    ['a negative count', { inputTokens: -1 }, 'inputTokens'],
    ['a fraction of a token', { outputTokens: 1.5 }, 'outputTokens'],
    ['no number', { webSearches: Number.NaN }, 'webSearches'],
    ['a part above its total', { inputTokens: 10, cacheReadTokens: 11 }, 'cacheReadTokens'],
    ['more cache than input', { inputTokens: 10, cacheReadTokens: 6, cacheWriteTokens: 5 }, 'inputTokens'],
    ['more reasoning than output', { outputTokens: 1, reasoningTokens: 2 }, 'reasoningTokens'],
  ])('is refused for %s', (_, given, path) => {
    expect(() => priceUsage(priceOf('openai', 'gpt-4o'), counts(given))).toThrow(
      expect.objectContaining({ code: 'invalid_request', message: expect.stringContaining(`${path}: `) }),
    );
  });
});
