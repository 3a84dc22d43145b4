import { calcPrice, type ModelInfo, type Provider, type Usage, waitForUpdate } from '@pydantic/genai-prices';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findPrice, isInForce, isUnpriced } from '../../../src/domain/pricing/book/match-price.ts';
import { createPriceBook } from '../../../src/domain/pricing/book/price-book.ts';
import type { MatchRule, Price } from '../../../src/domain/pricing/price/price.ts';
import { priceUsage } from '../../../src/domain/pricing/price/price-usage.ts';
import type { UsageCounts } from '../../../src/domain/pricing/price/usage-counts.ts';
import { genaiCatalog } from './genai-catalog.ts';
import { anyCounts, counts } from './pricing-counts.ts';

const catalog = genaiCatalog;
const book = createPriceBook(catalog);
const data = (await waitForUpdate()) ?? [];
const NOW = Date.UTC(2026, 10, 22, 10);
const sheets = Map.groupBy(catalog.prices, ({ provider, model }) => `${provider} ${model}`);
const sheetsOf = (provider: Provider, model: ModelInfo) => sheets.get(`${provider.id} ${model.id.toLowerCase()}`) ?? [];

/** Before and after everything, and around each start and each edge of a daily window. */
function momentsOf(prices: Price[]): number[] {
  const day = Date.UTC(2026, 10, 22);
  const edges = prices.flatMap(({ validFrom, dailyWindow }) => [
    ...(validFrom === null ? [] : [validFrom]),
    ...(dailyWindow ? [day + dailyWindow.startSeconds * 1000, day + dailyWindow.endSeconds * 1000] : []),
  ]);
  return [Date.UTC(2023, 0, 1), NOW, ...edges.flatMap((at) => [at - 1, at, at + 3_600_000])];
}

/**
 * The same counts for calcPrice, which must be told how much of the cache is audio: as little as
 * can be.
 */
function usageFor(given: UsageCounts, price: Price): Usage {
  const has = (unit: string) => price.units.some((one) => one.unit === unit);
  const cached =
    (has('cache_read_tokens') ? given.cacheReadTokens : 0) + (has('cache_write_tokens') ? given.cacheWriteTokens : 0);
  const overlap = Math.max(0, given.inputAudioTokens + cached - given.inputTokens);
  return {
    input_tokens: given.inputTokens,
    output_tokens: given.outputTokens,
    cache_read_tokens: given.cacheReadTokens,
    cache_write_tokens: given.cacheWriteTokens,
    cache_write_1h_tokens: given.cacheWrite1hTokens,
    cache_write_5m_tokens: given.cacheWriteTokens - given.cacheWrite1hTokens,
    cache_audio_read_tokens: overlap,
    output_reasoning_tokens: given.reasoningTokens,
    input_audio_tokens: given.inputAudioTokens,
    output_audio_tokens: given.outputAudioTokens,
    web_searches: given.webSearches,
  };
}

function expectSame(ours: bigint, theirs: number | undefined, what: string): void {
  const usd = Number(ours) / 1e18;
  if (theirs === undefined || Math.abs(usd - theirs) > 1e-9 * Math.abs(theirs)) {
    expect.fail(`${what}: ${usd} USD here, ${theirs} by calcPrice`);
  }
}

/** A few names that each rule of the data is meant for. */
function namesIn(rule: MatchRule): string[] {
  if ('or' in rule) return rule.or.flatMap(namesIn);
  if ('and' in rule) return rule.and.flatMap(namesIn);
  if ('regex' in rule) return [];
  return Object.values(rule);
}

/** A name with a date or a version, after which no other follows. */
const COMPLETE = /[:@]|-v\d|\d{4}|-\d\d-\d\d|-\d\d\d\b|latest|-exp|-$/;

describe('against calcPrice of genai-prices', () => {
  test('every model costs the same within 1e-9, for any usage, before and after price changes and in daily windows', () => {
    const cases = data.flatMap((provider) =>
      provider.models.flatMap((model) => {
        const alone = { ...provider, models: [{ ...model, match: { equals: 'it' } }] };
        return momentsOf(sheetsOf(provider, model)).map((timeMs) => ({ provider, model, alone, timeMs }));
      }),
    );
    const inForce = cases.map(({ provider, model, timeMs }) => {
      const price = sheetsOf(provider, model).findLast((one) => isInForce(one, timeMs));
      if (!price) throw new Error(`${provider.id} ${model.id} has no price at ${timeMs}`);
      return price;
    });
    const check = (given: UsageCounts) => {
      for (const [index, { provider, model, alone, timeMs }] of cases.entries()) {
        const price = inForce[index];
        if (!price) continue;
        const options = { provider: alone, timestamp: new Date(timeMs) };
        const theirs = calcPrice(usageFor(given, price), 'it', options)?.total_price;
        expectSame(priceUsage(price, given).cost, theirs, `${provider.id} ${model.id} at ${timeMs}`);
      }
    };
    fc.assert(fc.property(anyCounts, check), { numRuns: 60 });
  }, 120_000);

  test('every name is answered by the same model at the same price, with and without dates, or refused where calcPrice guesses', () => {
    const given = counts({ inputTokens: 900_000, outputTokens: 70_000, cacheReadTokens: 1000, cacheWriteTokens: 3000 });
    const usage: Usage = {
      input_tokens: 900_000,
      output_tokens: 70_000,
      cache_read_tokens: 1000,
      cache_write_tokens: 3000,
    };
    const same = ['', '-20250929', '-2025-09-29', '-latest'];
    // After these it may be another model, whatever a rule of theirs says.
    const others = ['-v1:0', '-2099-01-01', '-20250231', ':free', 'x', '-mini', '-tts'];
    const byId = new Map(data.map((provider) => [provider.id, provider]));
    let compared = 0;
    for (const provider of data) {
      const find = (model: string) => findPrice(book, { provider: provider.id, model, timeMs: NOW });
      const reach = [provider, ...(provider.fallback_model_providers ?? []).flatMap((id) => byId.get(id) ?? [])];
      const names = new Set(reach.flatMap(({ models }) => models.flatMap(({ id, match }) => [id, ...namesIn(match)])));
      const ids = new Set(reach.flatMap(({ models }) => models.map(({ id }) => id.toLowerCase())));
      for (const [base, suffix] of [...names].flatMap((name) =>
        [...same, ...others].map((end) => [name, end] as const),
      )) {
        const name = base + suffix;
        const theirs = calcPrice(usage, name, { providerId: provider.id, timestamp: new Date(NOW) });
        const ours = find(name);
        compared++;
        const ofBase = find(base);
        if (!theirs) {
          const known = isUnpriced(ours)
            ? ours.reason === 'unknown_model'
            : ids.has(name.toLowerCase()) || ours === ofBase || ours.provider !== provider.id || COMPLETE.test(base);
          if (!known) expect.fail(`${provider.id} ${name}: calcPrice knows none, here ${JSON.stringify(ours)}`);
        } else if (isUnpriced(ours)) {
          const isSame = same.includes(suffix) && !COMPLETE.test(base);
          const isOwn = !isUnpriced(ofBase) && ofBase.provider === theirs.provider.id;
          const refused = !names.has(name) && !(isSame && isOwn);
          if (!refused && (ours.reason !== 'no_price_for_units' || theirs.total_price !== 0))
            expect.fail(`${provider.id} ${name}: none here`);
        } else if (ours.provider === theirs.provider.id) {
          expect(`${name} = ${ours.model}`).toBe(`${name} = ${theirs.model.id.toLowerCase()}`);
          expectSame(priceUsage(ours, given).cost, theirs.total_price, `${provider.id} ${name}`);
        }
      }
    }
    expect(compared).toBeGreaterThan(20_000);
  }, 120_000);
});
