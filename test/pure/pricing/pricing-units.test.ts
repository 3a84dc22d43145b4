import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { readCatalog } from '../../../src/domain/pricing/catalog/read-catalog.ts';
import { findUnitProblems } from '../../../src/domain/pricing/price/check-units.ts';
import { CHARGED_UNITS, COUNTED_UNITS } from '../../../src/domain/pricing/price/compile-price.ts';
import type { Price, UnitPrice } from '../../../src/domain/pricing/price/price.ts';
import { costOf, priceUsage } from '../../../src/domain/pricing/price/price-usage.ts';
import type { UsageCounts } from '../../../src/domain/pricing/price/usage-counts.ts';
import { USAGE_UNITS, type UsageUnits } from '../../../src/domain/pricing/price/usage-units.ts';
import { formatMoney } from '../../../src/platform/money.ts';
import { anyCounts, counts } from './pricing-counts.ts';
import { anyCellUsage, anySheet, type CellUsage } from './pricing-units.ts';

const [template] = (await readCatalog()).prices;
if (!template) throw new Error('The catalog is empty');

function sheet(...units: [unit: string, price: string, per?: number][]): Price {
  const list = units.map(([unit, price, per = 1_000_000]): UnitPrice => ({ unit, price, per, tiers: [] }));
  return { ...(template as Price), units: list };
}

function linesOf(price: Price, given: Partial<UsageCounts>, units: UsageUnits): (string | number)[][] {
  const { lines } = priceUsage(price, counts(given), units);
  return lines.map(({ unit, quantity, amount }) => [unit, quantity, formatMoney(amount)]);
}

/** The sum of the cells, unit by unit: each cell pays the finest unit that has a price, or nothing. */
function oracle(price: Price, { cells, counts: given }: CellUsage): { cost: bigint; free: number } {
  const byUnit = new Map<string, bigint>();
  let free = 0;
  const has = (name: string) => price.units.some(({ unit }) => unit === name);
  for (const { priced, quantity, tokens } of cells) {
    if (tokens !== undefined && has(tokens)) continue;
    const unit = priced.find(has);
    if (unit === undefined) free += priced.includes('requests') ? 0 : quantity;
    else byUnit.set(unit, (byUnit.get(unit) ?? 0n) + BigInt(quantity));
  }
  let cost = 0n;
  for (const { unit, price: base, per, tiers } of price.units) {
    const text = tiers.findLast(({ above }) => given.inputTokens > above)?.price ?? base;
    const [whole = '', places = ''] = text.split('.');
    // A fraction of 10^-18 USD: its whole part, and what is left of it, doubled, against the half.
    const top = (byUnit.get(unit) ?? 0n) * BigInt(whole + places) * 10n ** 18n;
    const bottom = BigInt(per) * 10n ** BigInt(places.length);
    const down = top / bottom;
    const left = 2n * (top - down * bottom);
    const isUp = left > bottom || (left === bottom && down % 2n !== 0n);
    cost += isUp ? down + 1n : down;
  }
  return { cost, free };
}

describe('a cost with units', () => {
  test('equals the sum over cells of tokens that are alike, each charged by its finest price, to the last digit', () => {
    fc.assert(
      fc.property(anySheet(template), anyCellUsage, (price, usage) => {
        const priced = priceUsage(price, usage.counts, usage.units);
        const { cost, free } = oracle(price, usage);
        expect(priced.cost).toBe(cost);
        expect(priced.unpriced.reduce((sum, { quantity }) => sum + quantity, 0)).toBe(free);
        expect(priced.lines.reduce((sum, { amount }) => sum + amount, 0n)).toBe(cost);
        expect(priced.lines.filter(({ quantity }) => quantity <= 0)).toEqual([]);
      }),
      { numRuns: 800 },
    );
  });

  test('is that of the short way where there are no units', () => {
    fc.assert(
      fc.property(anySheet(template), anyCounts, (price, given) => {
        const long = priceUsage(price, given, {});
        const { lines, ...short } = priceUsage(price, given);
        expect({ ...short, lines: lines.map(({ unit, amount }) => [unit, amount]).sort() }).toEqual({
          ...long,
          lines: long.lines.map(({ unit, amount }) => [unit, amount]).sort(),
        });
        const isKnown = short.unpriced.length === 0 && price.units.some(({ unit }) => isCounted(unit));
        expect(costOf(price, given)).toBe(isKnown ? short.cost : null);
      }),
      { numRuns: 800 },
    );
  });

  test('has no negative line and charges no more tokens than there are, also where units contradict the counts', () => {
    const anyUnits = fc.dictionary(fc.constantFrom(...USAGE_UNITS.map(({ unit }) => unit)), fc.integer({ min: 1 }));
    fc.assert(
      fc.property(anySheet(template), anyCounts, anyUnits, (price, given, units) => {
        const { lines } = priceUsage(price, given, units);
        expect(lines.filter(({ quantity }) => quantity < 0)).toEqual([]);
        const tokens = lines.filter(({ unit }) => unit.endsWith('_tokens') && unit !== 'output_citation_tokens');
        const charged = tokens.reduce((sum, { quantity }) => sum + quantity, 0);
        expect(charged).toBeLessThanOrEqual(given.inputTokens + given.outputTokens);
      }),
      { numRuns: 400 },
    );
  });

  it.each(USAGE_UNITS)('charges $unit, where the sheet prices it, in a line of its own', ({ unit }) => {
    const tokens = { inputTokens: 100, outputTokens: 100, cacheReadTokens: 40, cacheWriteTokens: 40 };
    const given = unit.endsWith('_tokens') ? tokens : {};
    const price = sheet(['input_tokens', '1'], ['output_tokens', '1'], [unit, '0.5', 1_000]);
    expect(linesOf(price, given, { [unit]: 7 })).toContainEqual([unit, 7, '0.0035']);
    expect(CHARGED_UNITS).toContain(unit);
  });

  test('of a second at so much an hour is rounded once, half to even, from the exact product', () => {
    const price = sheet(['input_audio_seconds', '0.111', 3_600]);
    expect(linesOf(price, {}, { input_audio_seconds: 3_600 })).toEqual([['input_audio_seconds', 3_600, '0.111']]);
    expect(linesOf(price, {}, { input_audio_seconds: 1 })).toEqual([
      ['input_audio_seconds', 1, '0.000030833333333333'],
    ]);
    expect(linesOf(price, {}, { input_audio_seconds: 7 })[0]?.[2]).toBe('0.000215833333333333');
    const half = (odd: string) => linesOf(sheet(['searches', `0.00000000000000000${odd}`, 2]), {}, { searches: 1 });
    expect([half('1')[0]?.[2], half('3')[0]?.[2], half('5')[0]?.[2]]).toEqual([
      '0',
      '0.000000000000000002',
      '0.000000000000000002',
    ]);
  });

  test('takes cached audio as it is stated, and as little as the totals allow where nobody says it', () => {
    const price = sheet(
      ...(['input_tokens', 'cache_read_tokens', 'input_audio_tokens', 'cache_audio_read_tokens'] as const).map(
        (unit, at): [string, string] => [unit, String(10 ** at)],
      ),
    );
    const given = { inputTokens: 100, cacheReadTokens: 40, inputAudioTokens: 50 };
    const quantities = (units: UsageUnits) => linesOf(price, given, units).map(([unit, quantity]) => [unit, quantity]);
    expect(quantities({ cache_audio_read_tokens: 30 })).toEqual([
      ['input_tokens', 40],
      ['cache_read_tokens', 10],
      ['input_audio_tokens', 20],
      ['cache_audio_read_tokens', 30],
    ]);
    expect(quantities({})).toEqual([
      ['input_tokens', 10],
      ['cache_read_tokens', 40],
      ['input_audio_tokens', 50],
    ]);
  });
});

describe('what is measured by tokens and in another way', () => {
  const both = sheet(['output_tokens', '2.5'], ['output_image_tokens', '30'], ['output_images', '0.039', 1]);

  test('is charged once: by its tokens where they are counted, else by the other measure', () => {
    const given = { outputTokens: 1_300 };
    expect(linesOf(both, given, { output_images: 1, output_image_tokens: 1_290 })).toEqual([
      ['output_tokens', 10, '0.000025'],
      ['output_image_tokens', 1_290, '0.0387'],
    ]);
    expect(linesOf(both, {}, { output_images: 1 })).toEqual([['output_images', 1, '0.039']]);
    const byTokens = sheet(['output_tokens', '2.5'], ['output_image_tokens', '30']);
    expect(priceUsage(byTokens, counts(given), { output_images: 1, output_image_tokens: 9 }).unpriced).toEqual([]);
  });
});

function isCounted(unit: string): boolean {
  return unit !== 'web_searches' && COUNTED_UNITS.some((counted) => counted === unit);
}

describe('what has no price', () => {
  const text = sheet(['input_tokens', '2'], ['output_tokens', '8']);
  const given = { inputTokens: 100, outputTokens: 10, webSearches: 3 };

  test('is listed with its quantity and costs nothing', () => {
    const { cost, unpriced, isUnpriced } = priceUsage(text, counts(given), { searches: 2 });
    expect(formatMoney(cost)).toBe('0.00028');
    expect(unpriced).toEqual([
      { unit: 'web_searches', quantity: 3 },
      { unit: 'searches', quantity: 2 },
    ]);
    expect(isUnpriced).toBe(false);
    expect(costOf(text, counts(given))).toBeNull();
  });

  test('is not what is charged by the price of its total; of images and video it is told', () => {
    const units = { output_image_tokens: 5, cache_audio_read_tokens: 5, cache_write_12h_tokens: 5 };
    const parts = { cacheReadTokens: 9, cacheWriteTokens: 9, cacheWrite1hTokens: 2, inputAudioTokens: 20 };
    const priced = priceUsage(
      text,
      counts({ ...parts, inputTokens: 100, outputTokens: 10, reasoningTokens: 4 }),
      units,
    );
    expect(priced.unpriced).toEqual([]);
    expect(priced.asTotals).toEqual([{ unit: 'output_image_tokens', quantity: 5, total: 'output_tokens' }]);
  });

  test.each<[string, Price, Partial<UsageCounts>, UsageUnits | null, boolean]>([
    ['tokens of a model that is charged by the hour', sheet(['input_audio_seconds', '1', 3600]), given, null, true],
    ['nothing of a model that is charged by the hour', sheet(['input_audio_seconds', '1', 3600]), {}, null, true],
    ['its seconds', sheet(['input_audio_seconds', '1', 3600]), {}, { input_audio_seconds: 1 }, false],
    ['images alone, of a model of tokens', text, {}, { output_images: 2 }, true],
    ['images beside tokens, of a model of tokens', text, { inputTokens: 1 }, { output_images: 2 }, false],
    ['nothing of a model of tokens', text, {}, null, false],
    ['anything of a free model', sheet(), given, { output_images: 2 }, false],
    ['a request of a model that is charged by it', sheet(['requests', '1', 1000]), given, null, false],
    ['output of a model with an input price alone', sheet(['input_tokens', '1']), { outputTokens: 5 }, null, true],
  ])('makes an event unpriced where nothing of it has a price: %s', (_, price, some, units, isUnpriced) => {
    expect(priceUsage(price, counts(some), units).isUnpriced).toBe(isUnpriced);
  });
});

describe('units that the caller states', () => {
  const totals = counts({ inputTokens: 10, outputTokens: 10, cacheReadTokens: 4, cacheWriteTokens: 4 });

  it.each(USAGE_UNITS.filter(({ partOf }) => partOf !== null))('$unit is refused above $partOf', ({ unit, partOf }) => {
    const pages = partOf === 'input_document_pages' ? { input_document_pages: 4 } : {};
    const most = partOf?.startsWith('cache') || partOf === 'input_document_pages' ? 4 : 10;
    expect(findUnitProblems(totals, { ...pages, [unit]: most })).toEqual([]);
    expect(findUnitProblems(totals, { ...pages, [unit]: most + 1 })).toMatchObject([{ path: `units.${unit}` }]);
  });

  it('are refused where they are above their total together', () => {
    const problems = findUnitProblems(
      { ...totals, inputAudioTokens: 3 },
      { input_image_tokens: 4, input_video_tokens: 4 },
    );
    expect(problems).toEqual([
      {
        path: 'units.input_video_tokens',
        message: 'must not be above inputTokens together with its other parts, which includes it',
      },
    ]);
  });
});
