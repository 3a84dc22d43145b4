import { describe, expect, test } from 'vitest';
import {
  findPrice,
  isInForce,
  isRegionPriced,
  isUnpriced,
  type PriceQuery,
} from '../../../src/domain/pricing/book/match-price.ts';
import { ruleOfPattern } from '../../../src/domain/pricing/book/match-rule.ts';
import { createPriceBook, setOverrides } from '../../../src/domain/pricing/book/price-book.ts';
import type { Price } from '../../../src/domain/pricing/price/price.ts';

const NOW = Date.UTC(2026, 10, 20, 10);
let made = 0;

function sheet(id: string, more: Partial<Price> = {}): Price {
  const { model = 'm' } = more;
  return {
    id,
    organizationId: null,
    provider: 'openai',
    model,
    match: ruleOfPattern(model),
    serviceTier: null,
    region: null,
    validFrom: null,
    validTo: null,
    dailyWindow: null,
    units: [{ unit: 'input_tokens', price: '1', per: 1_000_000, tiers: [] }],
    source: 'litellm',
    sourceVersion: '1',
    sources: [],
    agreement: 'single',
    dispute: null,
    ordinal: made++,
    ...more,
  };
}

function bookOf(...prices: Price[]) {
  const providers = ['openai', 'azure', 'aws'].map((id) => ({ id, name: id, fallbackProviders: [] }));
  return createPriceBook({ providers, prices });
}

function ask(book: ReturnType<typeof bookOf>, query: Partial<PriceQuery> = {}): string {
  const found = findPrice(book, { provider: 'openai', model: 'm', timeMs: NOW, ...query });
  return isUnpriced(found) ? found.reason : found.id;
}

describe('of the sheets of a model', () => {
  const book = bookOf(
    sheet('old', { validTo: NOW - 1 }),
    sheet('standard'),
    sheet('batch', { serviceTier: 'batch' }),
    sheet('past flex', { serviceTier: 'flex', validTo: NOW - 1 }),
    sheet('us', { region: 'us' }),
    sheet('us batch', { region: 'us', serviceTier: 'batch' }),
    sheet('eu priority', { region: 'eu', serviceTier: 'priority' }),
  );

  test('only those of the request’s tier price it, and of them the last in force', () => {
    expect(ask(book)).toBe('standard');
    expect(ask(book, { serviceTier: 'default' })).toBe('standard');
    expect(ask(book, { serviceTier: 'Batch' })).toBe('batch');
    expect(ask(book, { serviceTier: 'scale' })).toBe('no_price_for_service_tier');
    expect(ask(book, { serviceTier: 'flex' })).toBe('no_price_at_time');
    expect(ask(bookOf(sheet('only batch', { serviceTier: 'batch' })))).toBe('no_price_at_time');
  });

  test('those of the request’s region come first, then those of all regions, which can be told apart', () => {
    expect(ask(book, { region: 'us' })).toBe('us');
    expect(ask(book, { region: 'us', serviceTier: 'batch' })).toBe('us batch');
    expect(ask(book, { region: 'eu' })).toBe('standard');
    expect(ask(book, { region: 'global' })).toBe('standard');
    expect(ask(book, { region: 'eu', serviceTier: 'priority' })).toBe('eu priority');
    expect(ask(book, { serviceTier: 'priority' })).toBe('no_price_at_time');
    expect(isRegionPriced(sheet('everywhere'), 'eu')).toBe(false);
    expect(isRegionPriced(sheet('everywhere'), null)).toBe(true);
    expect(isRegionPriced(sheet('everywhere'), 'global')).toBe(true);
    expect(isRegionPriced(sheet('us', { region: 'us' }), 'us')).toBe(true);
    expect(isRegionPriced(sheet('own', { organizationId: 'a' }), 'us')).toBe(true);
  });

  test('a region in the name is the request’s region; a data zone without a price is unpriced', () => {
    const zones = bookOf(
      sheet('azure', { provider: 'azure' }),
      sheet('azure eu', { provider: 'azure', region: 'eu' }),
      sheet('aws', { provider: 'aws' }),
      sheet('aws gov', { provider: 'aws', region: 'us-gov-west-1' }),
    );
    const named = (provider: string, model: string) => ask(zones, { provider, model });
    expect(named('azure', 'm')).toBe('azure');
    expect(named('azure', 'eu/m')).toBe('azure eu');
    expect(named('azure', 'us/m')).toBe('unknown_model');
    expect(named('aws', 'bedrock/us-east-1/m')).toBe('aws');
    expect(named('aws', 'us-gov-west-1/m')).toBe('aws gov');
    expect(named('aws', 'us-gov-east-1/m')).toBe('unknown_model');
  });

  test('an own price of the tier goes before them in every region', () => {
    const own = bookOf(sheet('standard'), sheet('us', { region: 'us' }), sheet('batch', { serviceTier: 'batch' }));
    setOverrides(own, 'a', [sheet('mine', { organizationId: 'a', serviceTier: 'STANDARD' })]);
    expect(ask(own, { organizationId: 'a', region: 'us' })).toBe('mine');
    expect(ask(own, { organizationId: 'a', serviceTier: 'batch' })).toBe('batch');
  });
});

describe('a daily window with weekdays', () => {
  // 2026-11-20 is a Friday.
  const at = (day: number, hours: number) => Date.UTC(2026, 10, day, hours);
  const hours = (start: number, end: number, weekdays: number[] | null) =>
    sheet('window', { dailyWindow: { startSeconds: start * 3600, endSeconds: end * 3600, weekdays } });

  test('holds on these days only', () => {
    const window = hours(9, 17, [1, 2, 3, 4, 5]);
    expect([20, 21, 22, 23].map((day) => isInForce(window, at(day, 10)))).toEqual([true, false, false, true]);
    expect(isInForce(window, at(20, 8))).toBe(false);
    expect(isInForce(window, at(20, 17))).toBe(false);
  });

  test('that passes midnight belongs to the day on which it begins', () => {
    const friday = hours(22, 6, [5]);
    expect([at(20, 23), at(21, 5)].map((time) => isInForce(friday, time))).toEqual([true, true]);
    expect([at(20, 5), at(21, 6), at(21, 23), at(22, 5)].map((time) => isInForce(friday, time))).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });

  test('counts days before 1970 as well, and none given is every day', () => {
    expect(isInForce(hours(22, 6, [3]), Date.UTC(1969, 11, 31, 23))).toBe(true);
    expect(isInForce(hours(22, 6, [3]), Date.UTC(1970, 0, 1, 5))).toBe(true);
    expect(isInForce(hours(22, 6, null), at(22, 5))).toBe(true);
  });
});
