import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createPriceBook, setOverrides } from '../../../../src/domain/pricing/book/price-book.ts';
import { countsOf } from '../../../../src/domain/pricing/price/usage-counts.ts';
import { priceEvent } from '../../../../src/domain/usage/prepare/price-event.ts';
import { type Alias, type Asked, chargeOf, type Listed, type Own, toPrice, type World } from './own-oracle.ts';

// Few names, tiers and times, so that prices get in each other's way.
const PROVIDERS = ['acme', 'beta'];
const provider = fc.constantFrom(...PROVIDERS);
const name = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 3 });
const tier = fc.constantFrom('standard', 'batch', 'flex');
const time = fc.integer({ min: 0, max: 5 });
const maybe = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: null, freq: 2 });
/** USD with at most 12 places. */
const price = fc
  .tuple(fc.nat(50), fc.bigInt({ min: 0n, max: 10n ** 12n - 1n }), fc.nat(12))
  .map(([whole, digits, places]) => {
    const fraction = digits.toString().padStart(12, '0').slice(0, places);
    return fraction === '' ? `${whole}` : `${whole}.${fraction}`;
  });
const units = fc
  .record(
    {
      ...{ input_tokens: price, output_tokens: price },
      ...{ cache_read_tokens: price, reasoning_tokens: price, web_searches: price },
    },
    { requiredKeys: [] },
  )
  .filter((given) => Object.keys(given).length > 0);
/** Above 0, to 100, with up to 18 places. */
const percent = fc.oneof(
  fc.constantFrom('100', '12.5', '0.000000000000000001', '33.333333333333333333'),
  fc
    .integer({ min: 1, max: 9_999 })
    .map((hundredths) => `${Math.trunc(hundredths / 100)}.${`${hundredths % 100}`.padStart(2, '0')}`),
);

let made = 0;
const listed: fc.Arbitrary<Listed> = fc
  .record({ provider, name, tier: fc.constantFrom(null, null, 'batch'), from: maybe(time), to: maybe(time), units })
  .map((one) => ({ ...one, id: `listed-${made++}` }));
const own: fc.Arbitrary<Own> = fc
  .record({
    ...{ provider, name: fc.option(name, { nil: null, freq: 4 }), isPrefix: fc.boolean() },
    ...{ tier: maybe(tier), from: maybe(time), to: maybe(time), units: maybe(units), percent },
  })
  .map((one) => {
    // Only a discount may be for all models.
    const isDiscount = one.units === null || one.name === null;
    const what = isDiscount ? { units: null } : { percent: null };
    return { ...one, ...what, id: `own-${made++}` };
  });
const alias: fc.Arbitrary<Alias> = fc.record({ provider, model: name, targetProvider: provider, targetModel: name });
const count = fc.oneof(fc.constantFrom(0, 1, 3), fc.nat(10_000_000));
const asked: fc.Arbitrary<Asked> = fc
  .record({
    provider,
    model: name,
    tier,
    time,
    input: count,
    read: count,
    output: count,
    reasoning: count,
    searches: fc.nat(3),
  })
  .map(({ input, read, output, reasoning, searches, ...one }) => ({
    ...one,
    counts: countsOf({
      ...{ inputTokens: input, cacheReadTokens: Math.min(read, input) },
      ...{ outputTokens: output, reasoningTokens: Math.min(reasoning, output), webSearches: searches },
    }),
  }));
const world: fc.Arbitrary<World> = fc.record({
  own: fc.array(own, { maxLength: 14 }),
  listed: fc.array(listed, { maxLength: 10 }),
  aliases: fc.uniqueArray(alias, { maxLength: 3, selector: (one) => one.provider + one.model }),
});

function charge({ own, listed, aliases }: World, all: readonly Asked[]) {
  const prices = listed.map(toPrice);
  const book = createPriceBook({ providers: PROVIDERS.map((id) => ({ id, name: id, fallbackProviders: [] })), prices });
  setOverrides(book, 'org', own.map(toPrice), aliases);
  return all.map(({ provider, model, tier, time, counts }) => {
    const question = { organizationId: 'org', provider, model, serviceTier: tier, timeMs: time, counts, seen: null };
    const { priced, costAtto, details } = priceEvent(book, question, null);
    if (costAtto === null) return null;
    const { priceId, costSource } = priced;
    return { id: priceId, of: details?.discountOf ?? null, cost: costAtto, costSource };
  });
}

test('own prices, discounts, aliases and the catalog are chosen and charged as an oracle does that knows only the rules', () => {
  let charged = 0;
  fc.assert(
    fc.property(world, fc.array(asked, { minLength: 20, maxLength: 20 }), (given, all) => {
      const expected = all.map((one) => {
        const found = chargeOf(given, one);
        return found && { ...found, costSource: found.id.startsWith('own') ? 'override' : 'catalog' };
      });
      charged += expected.filter((one) => one?.costSource === 'override').length;
      expect(charge(given, all)).toEqual(expected);
    }),
    { numRuns: 1_500 },
  );
  expect(charged).toBeGreaterThan(1_000);
});
