import { describe, expect, it } from 'vitest';
import { findPrice } from '../../../src/domain/pricing/book/match-price.ts';
import { createPriceBook } from '../../../src/domain/pricing/book/price-book.ts';
import { mergeCatalog } from '../../../src/domain/pricing/import/merge-catalog.ts';
import type { Price } from '../../../src/domain/pricing/price/price.ts';
import { DAY_MS } from '../../../src/platform/time.ts';

const DAY = Date.UTC(2026, 10, 28);
const day = (number: number) => DAY + number * DAY_MS;
const PROVIDERS = [{ id: 'acme', name: 'Acme', fallbackProviders: [] }];
let made = 0;

/** A sheet of a model of Acme that charges `input` USD for a million input tokens. */
function sheet(input: string, given: Partial<Price> = {}): Price {
  const ordinal = made++;
  return {
    id: `00000000-0000-7000-8000-${String(ordinal).padStart(12, '0')}`,
    organizationId: null,
    provider: 'acme',
    model: 'rocket-1',
    match: { equals: 'rocket-1' },
    serviceTier: null,
    region: null,
    validFrom: null,
    validTo: null,
    dailyWindow: null,
    units: [{ unit: 'input_tokens', price: input, per: 1_000_000, tiers: [] }],
    source: 'litellm',
    sourceVersion: '1',
    sources: [{ name: 'litellm', version: '1' }],
    agreement: 'single',
    dispute: null,
    ordinal,
    ...given,
  };
}

function merge(known: Price[], said: Price[], dayMs = DAY, isGuarded = true) {
  return mergeCatalog(known, { providers: PROVIDERS, prices: said }, { dayMs, isGuarded });
}

/** From when to when which input price holds, in days from DAY. */
function timeline(prices: readonly Price[]): [number | null, number | null, string | undefined][] {
  const days = (timeMs: number | null) => (timeMs === null ? null : (timeMs - DAY) / DAY_MS);
  return prices.map(({ validFrom, validTo, units }) => [days(validFrom), days(validTo), units[0]?.price]);
}

describe('a change of a known price', () => {
  it('holds from 00:00 UTC of the day on which it was seen; before that day the price before holds', () => {
    const { prices } = merge([sheet('2')], [sheet('3')]);
    expect(timeline(prices)).toEqual([
      [null, 0, '2'],
      [0, null, '3'],
    ]);
  });

  it('is seen once: the next read of the same list changes nothing, ids included', () => {
    const first = merge([sheet('2')], [sheet('3')]).prices;
    const second = merge(first, [sheet('3')], day(1)).prices;
    expect(second).toEqual(first.map((price) => ({ ...price, ordinal: expect.any(Number) })));
  });

  it('and a change back are three stretches of time', () => {
    const first = merge([sheet('2')], [sheet('3')]).prices;
    expect(timeline(merge(first, [sheet('2')], day(5)).prices)).toEqual([
      [null, 0, '2'],
      [0, 5, '3'],
      [5, null, '2'],
    ]);
  });

  it('that its source dates holds from that date, in the past and in the future', () => {
    const said = (validFrom: number) => [sheet('2', { validTo: validFrom }), sheet('3', { validFrom })];
    expect(timeline(merge([sheet('2')], said(day(-10))).prices)).toEqual([
      [null, -10, '2'],
      [-10, null, '3'],
    ]);
    expect(timeline(merge([sheet('2')], said(day(10))).prices)).toEqual([
      [null, 10, '2'],
      [10, null, '3'],
    ]);
  });

  it('of a price whose start was known already holds from the day on', () => {
    const dated = (price: string) => [sheet('2', { validTo: day(-10) }), sheet(price, { validFrom: day(-10) })];
    expect(timeline(merge(dated('3'), dated('4')).prices)).toEqual([
      [null, -10, '2'],
      [-10, 0, '3'],
      [0, null, '4'],
    ]);
  });

  it('of the rule of names alone is no change of the price', () => {
    const match = { or: [{ equals: 'rocket-1' }, { equals: 'rocket-1-latest' }] };
    const { prices } = merge([sheet('2')], [sheet('2', { match })]);
    expect(timeline(prices)).toEqual([[null, null, '2']]);
    expect(prices[0]?.match).toEqual(match);
  });

  it('of one tier leaves the other tiers as they were', () => {
    const tiers = (batch: string) => [sheet('2'), sheet(batch, { serviceTier: 'batch' })];
    const { prices } = merge(tiers('1'), tiers('0.5'));
    expect(timeline(prices)).toEqual([
      [null, null, '2'],
      [null, 0, '1'],
      [0, null, '0.5'],
    ]);
  });

  it('of the price of all day does not hide the price of a part of it', () => {
    const night = { dailyWindow: { startSeconds: 0, endSeconds: 3_600, weekdays: null } };
    const { prices } = merge([sheet('2'), sheet('1', night)], [sheet('4'), sheet('1', night)]);
    const book = createPriceBook({ providers: PROVIDERS, prices: prices.map((one, ordinal) => ({ ...one, ordinal })) });
    const inputAt = (timeMs: number) => {
      const found = findPrice(book, { provider: 'acme', model: 'rocket-1', timeMs });
      return 'units' in found ? found.units[0]?.price : found.reason;
    };
    expect([day(-1), day(-0.5), day(1), day(1.5)].map(inputAt)).toEqual(['1', '2', '1', '4']);
  });
});

describe('what is new', () => {
  it.each([
    ['a model', { model: 'rocket-2', match: { equals: 'rocket-2' } }],
    ['a tier', { serviceTier: 'batch' }],
    ['a region', { region: 'eu' }],
  ])('%s holds for all time, before the day too', (_, given) => {
    const { prices } = merge([sheet('2')], [sheet('2'), sheet('700', given)]);
    expect(timeline(prices)).toEqual([
      [null, null, '2'],
      [null, null, '700'],
    ]);
  });

  it('the first catalog is taken as it is', () => {
    const said = [sheet('2', { validTo: day(-10) }), sheet('300', { validFrom: day(-10) })];
    expect(merge([], said).prices).toEqual(said);
  });
});

describe('a name that a rule of another model covered, and that has an entry of its own now', () => {
  const pattern = () => sheet('2', { match: { or: [{ equals: 'rocket-1' }, { equals: 'rocket-1-x' }] } });
  const own = (price: string) => sheet(price, { model: 'rocket-1-x', match: { equals: 'rocket-1-x' } });

  it('has a changed price from that day on', () => {
    const { prices } = merge([pattern()], [pattern(), own('3')]);
    expect(timeline(prices.filter(({ model }) => model === 'rocket-1-x'))).toEqual([
      [null, 0, '2'],
      [0, null, '3'],
    ]);
    expect(new Set(prices.map(({ id }) => id)).size).toBe(3);
  });

  it('is refused where that is more than ten times as much', () => {
    const { prices, refused } = merge([pattern()], [pattern(), own('300')]);
    expect(refused).toMatchObject([{ model: 'rocket-1-x', known: '2', refused: '300' }]);
    expect(timeline(prices.filter(({ model }) => model === 'rocket-1-x'))).toEqual([[null, null, '2']]);
  });
});

describe('what no source states any more', () => {
  it('a model keeps its price', () => {
    const lost = sheet('9', { model: 'rocket-0', match: { equals: 'rocket-0' } });
    const { prices } = merge([sheet('2'), lost], [sheet('2')]);
    expect(prices.find(({ model }) => model === 'rocket-0')).toEqual(lost);
  });

  it('a model whose name a rule of another one covers now has the price of that one', () => {
    const lost = sheet('9', { model: 'rocket-0', match: { equals: 'rocket-0' } });
    const heir = sheet('2', { match: { or: [{ equals: 'rocket-1' }, { equals: 'rocket-0' }] } });
    expect(merge([sheet('2'), lost], [heir]).prices.map(({ model }) => model)).toEqual(['rocket-1']);
  });

  it('a tier of a model that is still stated ends with the day; when it comes back no gap remains', () => {
    const batch = () => sheet('1', { serviceTier: 'batch' });
    const first = merge([sheet('2'), batch()], [sheet('2')]).prices;
    expect(timeline(first)).toEqual([
      [null, null, '2'],
      [null, 0, '1'],
    ]);
    expect(timeline(merge(first, [sheet('2'), batch()], day(3)).prices)).toEqual([
      [null, null, '2'],
      [null, null, '1'],
    ]);
  });
});

describe('a price that moves by more than ten times', () => {
  it.each([
    ['up', '2', '20.000001'],
    ['down', '2', '0.199999'],
    ['to nothing', '2', '0'],
    ['from nothing', '0', '2'],
  ])('%s stays as it was, disputed, with the refused value', (_, before, now) => {
    const { prices, refused } = merge([sheet(before)], [sheet(now)]);
    expect(timeline(prices)).toEqual([[null, null, before]]);
    expect(prices[0]).toMatchObject({ agreement: 'disputed', dispute: expect.stringContaining(` ${now} `) });
    expect(refused).toMatchObject([{ provider: 'acme', model: 'rocket-1', unit: 'input_tokens', refused: now }]);
  });

  it.each([
    ['ten times up', '2', '20'],
    ['ten times down', '2', '0.2'],
    ['not at all', '0', '0'],
  ])('%s is within bounds', (_, before, now) => {
    expect(merge([sheet(before)], [sheet(now)]).refused).toEqual([]);
  });

  it('is compared for the same quantity', () => {
    const units = [{ unit: 'input_tokens', price: '0.002', per: 1_000, tiers: [] }];
    expect(merge([sheet('2')], [sheet('2', { units })]).refused).toEqual([]);
  });

  it('is seen in a tier of long requests, too', () => {
    const tiered = (price: string) =>
      sheet('2', {
        units: [{ unit: 'input_tokens', price: '2', per: 1_000_000, tiers: [{ above: 200_000, price }] }],
      });
    expect(merge([tiered('4')], [tiered('400')]).refused).toMatchObject([{ known: '4', refused: '400' }]);
    expect(merge([sheet('2')], [tiered('4')]).refused).toEqual([]);
  });

  it('stays refused at every read, and other models change meanwhile', () => {
    const two = (price: string) => sheet(price, { model: 'rocket-2', match: { equals: 'rocket-2' } });
    const first = merge([sheet('2'), two('5')], [sheet('200'), two('5')]).prices;
    const { prices, refused } = merge(first, [sheet('200'), two('6')], day(1));
    expect(refused).toHaveLength(1);
    expect(timeline(prices)).toEqual([
      [null, null, '2'],
      [null, 1, '5'],
      [1, null, '6'],
    ]);
  });

  it('is no longer disputed when the source takes it back', () => {
    const first = merge([sheet('2')], [sheet('200')]).prices;
    expect(merge(first, [sheet('2')], day(1)).prices[0]).toMatchObject({ agreement: 'single', dispute: null });
  });

  it('is imported where a correction of ours states it, or the release brings it', () => {
    expect(merge([sheet('2')], [sheet('200', { source: 'corrections' })]).refused).toEqual([]);
    expect(merge([sheet('2')], [sheet('200')], DAY, false).refused).toEqual([]);
  });
});
