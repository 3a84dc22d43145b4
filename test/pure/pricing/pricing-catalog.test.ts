import { waitForUpdate } from '@pydantic/genai-prices';
import { describe, expect, test } from 'vitest';
import { findPrice, isUnpriced } from '../../../src/domain/pricing/book/match-price.ts';
import { createPriceBook } from '../../../src/domain/pricing/book/price-book.ts';
import { readCatalog } from '../../../src/domain/pricing/catalog/read-catalog.ts';
import { compilePrice } from '../../../src/domain/pricing/price/compile-price.ts';
import type { Price } from '../../../src/domain/pricing/price/price.ts';

const catalog = await readCatalog();
const data = (await waitForUpdate()) ?? [];
const sheetsOf = (provider: string, model: string) =>
  catalog.prices.filter((price) => price.provider === provider && price.model === model);

describe('the catalog', () => {
  test('holds every provider, model and single price of the package, and names its version', () => {
    const models = data.flatMap((provider) => provider.models);
    const sheets = models.flatMap(({ prices }) => (Array.isArray(prices) ? prices.map((one) => one.prices) : [prices]));
    const count = (values: unknown[]) => values.length;
    expect(catalog.version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(catalog.providers.map(({ id }) => id)).toEqual(data.map(({ id }) => id));
    expect(catalog.prices).toHaveLength(sheets.length);
    expect(new Set(catalog.prices.map(({ provider, model }) => `${provider} ${model}`)).size).toBe(models.length);
    expect(count(catalog.prices.flatMap(({ units }) => units))).toBe(count(sheets.flatMap((one) => Object.keys(one))));
    expect(data.length).toBeGreaterThanOrEqual(43);
    expect(models.length).toBeGreaterThanOrEqual(1694);
  });

  test('gives every sheet an id of its own that depends on its content alone', async () => {
    const again = await readCatalog();
    expect(new Set(catalog.prices.map(({ id }) => id)).size).toBe(catalog.prices.length);
    expect(again.prices.map(({ id }) => id)).toEqual(catalog.prices.map(({ id }) => id));
    expect(sheetsOf('openai', 'gpt-4o')[0]?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-/);
  });

  test('survives being stored as JSON', () => {
    const stored: Price[] = JSON.parse(JSON.stringify(catalog.prices));
    expect(stored).toEqual(catalog.prices);
    const book = createPriceBook({ providers: catalog.providers, prices: stored.toReversed() });
    const found = findPrice(book, { provider: 'openai', model: 'o3', timeMs: Date.UTC(2025, 5, 1) });
    expect(isUnpriced(found) ? found : found.id).toBe(sheetsOf('openai', 'o3')[0]?.id);
  });

  test('writes prices as plain decimals of at most 12 places that every unit Meterr counts can be charged by', () => {
    for (const price of catalog.prices) {
      for (const unit of price.units) {
        for (const text of [unit.price, ...unit.tiers.map((tier) => tier.price)]) {
          expect(text).toMatch(/^\d+(\.\d{1,12})?$/);
        }
      }
      expect(() => compilePrice(price)).not.toThrow();
    }
  });

  test('reports the binary noise it rounded', () => {
    expect(catalog.rounded.map(({ given, kept }) => `${given} -> ${kept}`).sort()).toEqual([
      ...Array.from({ length: 6 }, () => '0.08333333333333334 -> 0.083333333333'),
      '0.18000000000000002 -> 0.18',
    ]);
  });

  test('keeps tiers, units that are not counted, start dates and daily windows', () => {
    expect(sheetsOf('google', 'gemini-2.5-pro')[0]?.units[0]).toEqual({
      unit: 'input_tokens',
      price: '1.25',
      per: 1_000_000,
      tiers: [{ above: 200_000, price: '2.5' }],
    });
    expect(sheetsOf('openai', 'whisper-1')[0]?.units).toContainEqual({
      unit: 'audio_seconds',
      price: '0.36',
      per: 3600,
      tiers: [],
    });
    const [before, after] = sheetsOf('openai', 'o3');
    expect([before?.validFrom, before?.validTo]).toEqual([null, Date.UTC(2025, 5, 10)]);
    expect([after?.validFrom, after?.validTo]).toEqual([Date.UTC(2025, 5, 10), null]);
    expect(sheetsOf('deepseek', 'deepseek-chat')[1]?.dailyWindow).toEqual({
      startSeconds: 1800,
      endSeconds: 59_400,
      weekdays: null,
    });
  });
});
