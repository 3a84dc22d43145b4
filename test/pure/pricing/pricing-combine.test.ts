import { describe, expect, test } from 'vitest';
import { combineSources } from '../../../src/domain/pricing/catalog/combine-sources.ts';
import { readCorrections } from '../../../src/domain/pricing/catalog/read-corrections.ts';
import { readGenaiSource } from '../../../src/domain/pricing/catalog/read-genai.ts';
import { readLitellmSource } from '../../../src/domain/pricing/catalog/read-litellm.ts';
import type { Price } from '../../../src/domain/pricing/price/price.ts';

type Prices = Record<string, unknown>;
const LINE = { date: '2026-11-28', source: 'acme/prices#1', why: 'for this test' };

/** The sheets of a model that genai-prices and LiteLLM price at `openai`, after corrections. */
function combine(genai: Prices | null, litellm: Prices | null, lines: object[] = [], match?: object): Price[] {
  const models = genai ? [{ id: 'house-1', match: match ?? { equals: 'house-1' }, prices: genai }] : [];
  const map = litellm ? { 'house-1': { litellm_provider: 'openai', mode: 'chat', ...litellm } } : {};
  return combineSources({
    genai: readGenaiSource([{ id: 'openai', name: 'OpenAI', models }], '1'),
    litellm: readLitellmSource(JSON.stringify(map), '2'),
    corrections: readCorrections(lines.map((line) => ({ provider: 'openai', models: ['house-1'], ...LINE, ...line }))),
  }).prices;
}

const said = ({ sources }: Price) => sources.map(({ name, version }) => `${name} ${version}`);
const unit = (price: Price | undefined, name: string) => price?.units.find((one) => one.unit === name);

describe('two sources', () => {
  test('that state the same agree, and both are named', () => {
    const [price, ...others] = combine(
      { input_mtok: 2, output_mtok: 8 },
      { input_cost_per_token: 2e-6, output_cost_per_token: 8e-6 },
    );
    expect(others).toEqual([]);
    expect([price?.agreement, price?.dispute]).toEqual(['agreed', null]);
    expect(price && said(price)).toEqual(['genai-prices 1', 'litellm 2']);
  });

  test.each([
    ['0.5 %', '2.01e-06', 'agreed'],
    ['a little more', '2.0101e-06', 'disputed'],
  ])('that differ by %s are %s apart: %s', (_what, other, agreement) => {
    const [price] = combine({ input_mtok: 2 }, { input_cost_per_token: other });
    expect(price?.agreement).toBe(agreement);
    expect(unit(price, 'input_tokens')?.price).toBe('2');
  });

  test('that differ charge by genai-prices, and one sentence names both and both prices', () => {
    const [price] = combine(
      { input_mtok: 2, output_mtok: 8 },
      { input_cost_per_token: 2e-6, output_cost_per_token: 4e-6 },
    );
    expect(price?.dispute).toBe(
      'the price of house-1 is disputed: genai-prices 1 states 8 USD per million for output_tokens, ' +
        'litellm 2 states 4 USD per million',
    );
    expect(price && said(price)).toEqual(['genai-prices 1']);
    expect(unit(price, 'output_tokens')?.price).toBe('8');
  });

  test('fill each other: units, steps and tiers of service that only LiteLLM knows are added', () => {
    const [standard, batch] = combine(
      { input_mtok: 2, output_mtok: 8, web_searches_kcount: 10 },
      {
        input_cost_per_token: 2e-6,
        input_cost_per_token_above_200k_tokens: 4e-6,
        cache_creation_input_token_cost_above_1hr: 4e-6,
        input_cost_per_token_batches: 1e-6,
      },
    );
    expect(unit(standard, 'input_tokens')?.tiers).toEqual([{ above: 200_000, price: '4' }]);
    expect(unit(standard, 'cache_write_1h_tokens')?.price).toBe('4');
    expect(batch?.serviceTier).toBe('batch');
    // What nobody states a price of for the tier costs what it does in the standard one.
    expect(['input_tokens', 'output_tokens', 'web_searches'].map((name) => unit(batch, name)?.price)).toEqual([
      '1',
      '8',
      '10',
    ]);
  });

  test('add no token price of today to a sheet of another time and price', () => {
    const prices = [
      { prices: { input_mtok: 10 } },
      { constraint: { start_date: '2026-01-01' }, prices: { input_mtok: 2 } },
    ];
    const [before, now] = combine(prices as unknown as Prices, {
      input_cost_per_token: 2e-6,
      cache_read_input_token_cost: 1e-6,
    });
    expect(unit(before, 'cache_read_tokens')).toBeUndefined();
    expect(unit(now, 'cache_read_tokens')?.price).toBe('1');
    expect([before?.agreement, now?.agreement]).toEqual(['single', 'agreed']);
  });

  test('of which one says free and the other a price: the price holds', () => {
    const [price] = combine({ input_mtok: 2 }, { input_cost_per_token: 0 });
    expect([price?.agreement, unit(price, 'input_tokens')?.price]).toEqual(['single', '2']);
  });

  test('of which one has a rule for another model: each name has its own price', () => {
    const prices = combine({ input_mtok: 2 }, { input_cost_per_token: 3e-6 }, [], { starts_with: 'house' });
    expect(prices.map(({ agreement }) => agreement)).toEqual(['disputed']);
    const other = combineSources({
      genai: readGenaiSource(
        [
          {
            id: 'openai',
            name: 'OpenAI',
            models: [{ id: 'house', match: { starts_with: 'house' }, prices: { input_mtok: 2 } }],
          },
        ],
        '1',
      ),
      litellm: readLitellmSource('{"house-mini": {"litellm_provider": "openai", "input_cost_per_token": 1e-06}}', '2'),
      corrections: [],
    }).prices;
    expect(other.map(({ model, agreement }) => `${model} ${agreement}`)).toEqual(['house single', 'house-mini single']);
  });
});

describe('a correction', () => {
  const genai = { input_mtok: 2, output_mtok: 8 };
  const litellm = { input_cost_per_token: 3e-6, output_cost_per_token: 8e-6 };

  test('stands over both, settles their dispute, and names its public source', () => {
    const [price] = combine(genai, litellm, [{ units: { input_tokens: '5' } }]);
    expect([price?.source, price?.agreement, price?.dispute]).toEqual(['corrections', 'single', null]);
    expect(price && said(price)).toEqual(['corrections 2026-11-28', 'acme/prices#1 2026-11-28']);
    expect(unit(price, 'output_tokens')?.price).toBe('8');
  });

  test('that a source confirms is agreed', () => {
    const [price] = combine(genai, litellm, [{ units: { input_tokens: '3' } }]);
    expect(price?.agreement).toBe('agreed');
    expect(price && said(price)).toContain('litellm 2');
  });

  test('may say which source is right, from a day on', () => {
    const [before, now] = combine(genai, litellm, [{ confirms: 'litellm', valid_from: '2026-06-01T00:00:00Z' }]);
    expect([unit(before, 'input_tokens')?.price, unit(now, 'input_tokens')?.price]).toEqual(['2', '3']);
    expect([before?.validTo, now?.validFrom]).toEqual([Date.UTC(2026, 5, 1), Date.UTC(2026, 5, 1)]);
    expect([before?.agreement, now?.agreement, now?.dispute]).toEqual(['single', 'agreed', null]);
  });

  test('for a region multiplies tokens exactly, in every tier of service, and nothing else', () => {
    const prices = combine(
      { input_mtok: 0.123456789, web_searches_kcount: 10 },
      { input_cost_per_token: '0.000000123456789', input_cost_per_token_batches: 6e-8 },
      [{ region: 'us', times: '1.1' }],
    );
    const us = prices.filter(({ region }) => region === 'us');
    expect(
      us.map((one) => `${one.serviceTier} ${unit(one, 'input_tokens')?.price} ${unit(one, 'web_searches')?.price}`),
    ).toEqual(['null 0.1358024679 10', 'batch 0.066 10']);
  });

  test('of hours and weekdays stands beside the sheet of the whole day', () => {
    const window = { start: '01:00', end: '04:00', weekdays: [1, 2, 3, 4, 5] };
    const prices = combine(genai, null, [{ sheet: { input_tokens: '1' } }, { sheet: { input_tokens: '9' }, window }]);
    expect(prices.map((one) => [unit(one, 'input_tokens')?.price, one.dailyWindow])).toEqual([
      ['1', null],
      ['9', { startSeconds: 3600, endSeconds: 14_400, weekdays: [1, 2, 3, 4, 5] }],
    ]);
  });

  test.each([
    ['has no public source', { units: { input_tokens: '1' }, source: 'somebody said so' }, /line 1/],
    ['names an unknown unit', { units: { input_token: '1' } }, /units.input_token$/m],
    ['says two things', { units: { input_tokens: '1' }, times: '2' }, /not exactly one/],
    ['has a price that is no plain decimal', { units: { input_tokens: '1e-3' } }, /line 1/],
  ])('that %s is refused by its line', (_what, line, message) => {
    expect(() => combine(genai, litellm, [line])).toThrow(message);
  });
});
