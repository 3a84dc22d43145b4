import { describe, expect, it } from 'vitest';
import { createPriceBook } from '../../../src/domain/pricing/book/price-book.ts';
import { readCatalog } from '../../../src/domain/pricing/catalog/read-catalog.ts';
import type { Price } from '../../../src/domain/pricing/price/price.ts';
import type { UsageCounts } from '../../../src/domain/pricing/price/usage-counts.ts';
import type { UsageEvent } from '../../../src/domain/usage/event/usage-event.ts';
import { type PricedQuestion, priceEvent } from '../../../src/domain/usage/prepare/price-event.ts';
import { recallDetails, type SeenDetails } from '../../../src/domain/usage/prepare/see-details.ts';
import { usd } from '../../../src/platform/money.ts';
import { counts } from './pricing-counts.ts';

const [template] = (await readCatalog()).prices;
if (!template) throw new Error('The catalog is empty');
const CHANGED_MS = Date.UTC(2026, 6, 30);
let made = 0;

/** A price of a provider of ours: so much for a million tokens of either side. */
function priceOf(model: string, price: string, more: Partial<Price> = {}): Price {
  const units = ['input_tokens', 'output_tokens'].map((unit) => ({ unit, price, per: 1_000_000, tiers: [] }));
  const id = `price-${made++}`;
  return {
    ...(template as Price),
    id,
    provider: 'acme',
    model,
    match: { equals: model },
    units,
    ordinal: made,
    ...more,
  };
}

const old = priceOf('changed', '1', { validTo: CHANGED_MS });
const current = priceOf('changed', '2', { validFrom: CHANGED_MS });
const disputed = priceOf('disputed', '1', { agreement: 'disputed', dispute: 'one says 1, another says 2' });
const seconds = [{ unit: 'input_audio_seconds', price: '36', per: 3_600, tiers: [] }];
const book = createPriceBook({
  providers: [{ id: 'acme', name: 'Acme', fallbackProviders: [] }],
  prices: [
    ...[old, current, disputed, priceOf('known', '1'), priceOf('advisor', '5')],
    ...[priceOf('regional', '1'), priceOf('regional', '1.1', { region: 'us' })],
    priceOf('hourly', '0', { units: seconds }),
  ],
});

const SEEN: SeenDetails = {
  ...{ units: null, responseId: null, servedModel: null, region: null, parts: [], startedAtMs: null },
  isWithoutUsage: false,
};
const MILLION = counts({ inputTokens: 1_000_000 });

interface Given {
  model: string;
  timeMs?: number;
  counts?: UsageCounts;
  seen?: Partial<SeenDetails> | undefined;
}

function priced({ seen, ...given }: Given, callerAtto: bigint | null = null) {
  const question: PricedQuestion = {
    organizationId: 'one',
    provider: 'acme',
    serviceTier: 'standard',
    timeMs: CHANGED_MS,
    counts: MILLION,
    seen: seen ? { ...SEEN, ...seen } : null,
    ...given,
  };
  const { priced: event, details, warnings } = priceEvent(book, question, callerAtto);
  return { ...event, details, warnings };
}

describe('the served model', () => {
  it('is a second look-up where the asked one has no price, and is kept beside it', () => {
    expect(priced({ model: 'prod-chat', seen: { servedModel: 'known' } })).toMatchObject({
      cost: '1',
      details: { servedModel: 'known' },
    });
    expect(priced({ model: 'advisor', seen: { servedModel: 'known' } }).cost).toBe('5');
  });

  it('without a price leaves the reason of the asked one', () => {
    const { cost, unpricedReason } = priced({ model: 'nobody', seen: { servedModel: 'nobody-either' } });
    expect([cost, unpricedReason]).toEqual([null, 'unknown_model']);
  });
});

describe('a region', () => {
  it('has its own price, and where it has none, the price for any region, with a warning', () => {
    expect(priced({ model: 'regional', seen: { region: 'us' } })).toMatchObject({
      cost: '1.1',
      warnings: [],
      details: { region: 'us' },
    });
    const { cost, warnings } = priced({ model: 'known', seen: { region: 'us' } });
    expect([cost, warnings]).toEqual(['1', [expect.stringContaining('region us')]]);
  });
});

describe('the start of a call', () => {
  it('decides the price, and is kept where the event’s own time would give another', () => {
    const started = { startedAtMs: CHANGED_MS - 30_000 };
    expect(priced({ model: 'changed' })).toMatchObject({ cost: '2', priceId: current.id });
    expect(priced({ model: 'changed', seen: started })).toMatchObject({
      cost: '1',
      priceId: old.id,
      details: { pricedAtMs: CHANGED_MS - 30_000 },
    });
    expect(priced({ model: 'changed', timeMs: CHANGED_MS - 1, seen: started })).toMatchObject({
      cost: '1',
      details: null,
    });
    expect(priced({ model: 'nobody', seen: started }).details).toEqual({ pricedAtMs: CHANGED_MS - 30_000 });
  });
});

describe('another model within the answer', () => {
  const parts = [{ model: 'advisor', counts: { inputTokens: 200_000, outputTokens: 100_000 } }];

  it('is charged by its own price beside the event’s', () => {
    const { cost, details } = priced({ model: 'known', seen: { parts } });
    expect(cost).toBe('2.5');
    expect(details?.parts).toEqual([{ ...parts[0], priceId: expect.any(String) }]);
  });

  it('without a price is a warning that names it and its tokens', () => {
    const unknown = [{ model: 'nobody', counts: { inputTokens: 7 } }];
    const { cost, details, warnings } = priced({ model: 'known', seen: { parts: unknown } });
    expect([cost, details?.parts?.[0]?.priceId]).toEqual(['1', null]);
    expect(warnings).toEqual([expect.stringMatching(/nobody, which used 7 tokens/)]);
  });
});

describe('a warning', () => {
  it('tells that the sources of the price differ, but not where the caller’s cost counts', () => {
    expect(priced({ model: 'disputed' })).toMatchObject({ cost: '1', warnings: ['one says 1, another says 2'] });
    expect(priced({ model: 'disputed', seen: { units: { searches: 2 } } }).warnings).toEqual([
      'one says 1, another says 2',
      expect.stringContaining('searches (2)'),
    ]);
    expect(priced({ model: 'disputed' }, usd(3n))).toMatchObject({ cost: '3', computedCost: '1', warnings: [] });
  });
});

describe('an event is unpriced', () => {
  it('where nothing was counted of what its model is charged by', () => {
    const { cost, priceId, unpricedReason, warnings } = priced({ model: 'hourly' });
    expect([cost, priceId, unpricedReason]).toEqual([null, null, 'no_price_for_units']);
    expect(warnings).toEqual([expect.stringContaining('input_tokens (1000000)')]);
    expect(priced({ model: 'hourly', counts: counts({}), seen: { units: { input_audio_seconds: 90 } } }).cost).toBe(
      '0.9',
    );
  });

  it('where nobody said what the call used, unless the charge is known', () => {
    const without = { model: 'known', counts: counts({}), seen: { isWithoutUsage: true, responseId: 'resp_1' } };
    expect(priced(without)).toEqual({
      cost: null,
      computedCost: null,
      costSource: 'unpriced',
      priceId: null,
      unpricedReason: 'no_usage_reported',
      details: { responseId: 'resp_1' },
      warnings: [],
    });
    expect(priced(without, usd(2n))).toMatchObject({ cost: '2', costSource: 'caller', unpricedReason: null });
  });
});

describe('an event of the ledger', () => {
  it('is priced again as it was priced first, by all that it says of itself', () => {
    const parts = [{ model: 'advisor', counts: { inputTokens: 200_000 } }];
    const given: Given[] = [
      { model: 'prod-chat', seen: { servedModel: 'regional', region: 'us', units: { searches: 2 }, parts } },
      { model: 'changed', seen: { startedAtMs: CHANGED_MS - 30_000 } },
      { model: 'nobody', seen: { startedAtMs: CHANGED_MS - 30_000, units: { searches: 2 } } },
      { model: 'known', counts: counts({}), seen: { isWithoutUsage: true } },
      { model: 'known' },
    ];
    for (const one of given) {
      const { warnings, ...first } = priced(one);
      const event = { ...first, timeMs: CHANGED_MS } as UsageEvent;
      expect(priced({ ...one, seen: recallDetails(event) ?? undefined })).toEqual({ warnings, ...first });
    }
  });
});
