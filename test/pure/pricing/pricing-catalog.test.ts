import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { waitForUpdate } from '@pydantic/genai-prices';
import { describe, expect, test } from 'vitest';
import { askHeadlines, askWidely } from '../../../scripts/prices-coverage.ts';
import { findPrice, isUnpriced } from '../../../src/domain/pricing/book/match-price.ts';
import { createPriceBook } from '../../../src/domain/pricing/book/price-book.ts';
import { writeCatalogFile } from '../../../src/domain/pricing/catalog/catalog-file.ts';
import { combineSources } from '../../../src/domain/pricing/catalog/combine-sources.ts';
import {
  loadCorrections,
  loadGenaiPackage,
  loadLitellmFile,
  PRICES_FOLDER,
} from '../../../src/domain/pricing/catalog/load-sources.ts';
import { CATALOG_FILE, readCatalog } from '../../../src/domain/pricing/catalog/read-catalog.ts';
import { compilePrice } from '../../../src/domain/pricing/price/compile-price.ts';
import type { Price } from '../../../src/domain/pricing/price/price.ts';
import { genaiCatalog } from './genai-catalog.ts';

const [genai, litellm, corrections, catalog] = await Promise.all([
  loadGenaiPackage(),
  loadLitellmFile(),
  loadCorrections(),
  readCatalog(),
]);
const data = (await waitForUpdate()) ?? [];
const book = createPriceBook(catalog);
const ofGenai = (provider: string, model: string) =>
  genaiCatalog.prices.filter((price) => price.provider === provider && price.model === model);

describe('what genai-prices says', () => {
  test('is kept whole: every provider, model and single price of the package', () => {
    const models = data.flatMap((provider) => provider.models);
    const sheets = models.flatMap(({ prices }) => (Array.isArray(prices) ? prices.map((one) => one.prices) : [prices]));
    expect(genai.version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(genaiCatalog.providers.map(({ id }) => id)).toEqual(data.map(({ id }) => id));
    expect(genaiCatalog.prices).toHaveLength(sheets.length);
    expect(new Set(genaiCatalog.prices.map(({ provider, model }) => `${provider} ${model}`)).size).toBe(models.length);
    expect(models.length).toBeGreaterThanOrEqual(1694);
    const units = genaiCatalog.prices.flatMap((price) => price.units).length;
    // `audio_seconds` beside `input_audio_seconds` is one unit by two names.
    const doubled = sheets.filter((one) => 'audio_hours' in one && 'input_audio_hours' in one).length;
    expect(units).toBe(sheets.flatMap((one) => Object.keys(one)).length - doubled);
  });

  test('is rounded only where binary noise passes twelve places, and that is reported', () => {
    expect(genai.rounded.map(({ given, kept }) => `${given} -> ${kept}`).sort()).toEqual([
      ...Array.from({ length: 6 }, () => '0.08333333333333334 -> 0.083333333333'),
      '0.18000000000000002 -> 0.18',
    ]);
  });

  test('keeps its steps, start dates, hours of the day, and units by our names', () => {
    expect(ofGenai('google', 'gemini-2.5-pro')[0]?.units[0]).toEqual({
      unit: 'input_tokens',
      price: '1.25',
      per: 1_000_000,
      tiers: [{ above: 200_000, price: '2.5' }],
    });
    expect(ofGenai('openai', 'whisper-1')[0]?.units.map(({ unit }) => unit)).toContain('input_audio_seconds');
    const [before, after] = ofGenai('openai', 'o3');
    expect([before?.validFrom, before?.validTo]).toEqual([null, Date.UTC(2025, 5, 10)]);
    expect([after?.validFrom, after?.validTo]).toEqual([Date.UTC(2025, 5, 10), null]);
    expect(ofGenai('deepseek', 'deepseek-chat')[1]?.dailyWindow).toEqual({
      startSeconds: 1800,
      endSeconds: 59_400,
      weekdays: null,
    });
  });
});

describe('the shipped catalog', () => {
  test('is what the sources and the corrections make, byte for byte', async () => {
    const built = writeCatalogFile(combineSources({ genai, litellm, corrections }));
    const shipped = await readFile(CATALOG_FILE, 'utf8');
    // Not toEqual: the difference would be a megabyte.
    expect(built === shipped, 'run: npm run prices:build').toBe(true);
    expect(shipped.length).toBeLessThan(1_500_000);
  });

  test('reads as it was built, ids included, and survives being stored as JSON', () => {
    const built = combineSources({ genai, litellm, corrections });
    expect(catalog.prices.map(({ id }) => id)).toEqual(built.prices.map(({ id }) => id));
    expect(catalog.prices).toEqual(built.prices);
    const stored: Price[] = JSON.parse(JSON.stringify(catalog.prices));
    const again = createPriceBook({ providers: catalog.providers, prices: stored.toReversed() });
    const query = { provider: 'openai', model: 'o3', timeMs: Date.UTC(2025, 5, 1) };
    expect(findPrice(again, query)).toEqual(findPrice(book, query));
    expect(isUnpriced(findPrice(again, query))).toBe(false);
  });

  test('gives every sheet an id of its own that its content makes', () => {
    expect(new Set(catalog.prices.map(({ id }) => id)).size).toBe(catalog.prices.length);
    expect(catalog.prices[0]?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-/);
  });

  test('has another version when any price, or what is said of it, is another', () => {
    const [line, ...lines] = corrections;
    if (!line) throw new Error('no corrections');
    const other = combineSources({ genai, litellm, corrections: lines });
    expect(other.version).not.toBe(catalog.version);
    expect(combineSources({ genai, litellm, corrections }).version).toBe(catalog.version);
  });

  test('has plain decimals of at most twelve places that every unit can be charged by', () => {
    for (const price of catalog.prices) {
      for (const { price: base, tiers } of price.units) {
        for (const text of [base, ...tiers.map((tier) => tier.price)]) expect(text).toMatch(/^\d+(\.\d{1,12})?$/);
      }
      expect(() => compilePrice(price)).not.toThrow();
    }
  });

  test('names the sources of every price, says of a dispute who states what, and of nothing else', () => {
    for (const { sources, agreement, dispute } of catalog.prices) {
      expect(sources.length).toBeGreaterThan(agreement === 'agreed' ? 1 : 0);
      expect(dispute !== null).toBe(agreement === 'disputed');
      if (dispute) expect(dispute).toMatch(/genai-prices \S+ states [\d.]+ USD .* litellm \S+ states [\d.]+ USD/);
    }
    expect(catalog.prices.filter(({ agreement }) => agreement === 'disputed').length).toBeGreaterThan(20);
  });
});

describe('coverage', () => {
  test('all headline models of autumn 2026 are priced, each with its sources', () => {
    const asked = askHeadlines(book);
    expect(asked).toHaveLength(63);
    expect(asked.filter(({ price }) => price === null || price.sources.length === 0)).toEqual([]);
  });

  test("at least 98 % of LiteLLM's current names are priced, at most 100 of them by a correction", async () => {
    const asked = await askWidely(book);
    const priced = asked.filter(({ price }) => price !== null);
    expect(asked.length).toBeGreaterThan(1_400);
    expect(priced.length / asked.length).toBeGreaterThanOrEqual(0.98);
    expect(priced.filter(({ price }) => price?.source === 'corrections').length).toBeLessThanOrEqual(100);
  });
});

describe('corrections.json', () => {
  test('has one line a correction, each with a public source, and each changes the catalog', async () => {
    const text = await readFile(join(PRICES_FOLDER, 'corrections.json'), 'utf8');
    expect(text.trim().split('\n')).toHaveLength(corrections.length + 2);
    const version = combineSources({ genai, litellm, corrections }).version;
    const idle = corrections.filter((line) => {
      const others = corrections.filter((one) => one !== line);
      return combineSources({ genai, litellm, corrections: others }).version === version;
    });
    expect(idle).toEqual([]);
    for (const { sources } of corrections) expect(sources.length).toBeGreaterThan(0);
  }, 120_000);
});
