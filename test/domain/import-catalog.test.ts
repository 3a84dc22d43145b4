import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadCatalog } from '../../src/domain/pricing/book/load-price-book.ts';
import { type Catalog, readCatalog, SHIPPED_AT_MS } from '../../src/domain/pricing/catalog/read-catalog.ts';
import { importCatalog } from '../../src/domain/pricing/import/import-catalog.ts';
import type { Price } from '../../src/domain/pricing/price/price.ts';
import { type Database, openDatabase } from '../../src/platform/postgres/database.ts';
import { DAY_MS } from '../../src/platform/time.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';

// What the start of a server does with the catalog that its release brings.

const NOW = Date.parse('2026-11-22T10:00:00Z');
let test: TestDatabase;
let databases: Database[];
let bundled: Catalog;

beforeAll(async () => {
  test = await createTestDatabase();
  const open = () => openDatabase({ connectionString: test.connectionString, connections: 2, onError: () => {} });
  databases = [open(), open()];
  bundled = await readCatalog();
  // As it is before the first start.
  await databases[0]?.pool.query('TRUNCATE catalog_entries, catalog_versions, prices');
});
afterAll(async () => {
  await Promise.all(databases.map((database) => database.close()));
  await test.drop();
});

const isStandard = ({ provider, model, serviceTier, region }: Price) =>
  provider === 'openai' && model === 'gpt-4o' && serviceTier === null && region === null;

/** The bundled catalog as another release might bring it, with another input price of gpt-4o. */
function release(version: string, price: string): Catalog {
  const prices = bundled.prices.map((one) => {
    if (!isStandard(one)) return one;
    const units = one.units.map((unit) => (unit.unit === 'input_tokens' ? { ...unit, price } : unit));
    return { ...one, id: crypto.randomUUID(), units };
  });
  return { ...bundled, version, prices };
}

const bring = (catalog: Catalog, asOfMs: number, at = 0) =>
  importCatalog(databases[at] as Database, { catalog, asOfMs, nowMs: NOW });

async function inputPrices(): Promise<(string | undefined)[]> {
  const { prices } = await loadCatalog((databases[0] as Database).pool);
  return prices.filter(isStandard).map(({ units }) => units.find(({ unit }) => unit === 'input_tokens')?.price);
}

it('of two processes that start at once on an empty database one imports, and both find the whole', async () => {
  const both = await Promise.all([bring(bundled, SHIPPED_AT_MS, 0), bring(bundled, SHIPPED_AT_MS, 1)]);
  expect(both.map(({ isImported }) => isImported).sort()).toEqual([false, true]);
  const { version, prices } = await loadCatalog((databases[1] as Database).pool);
  expect(version).toBe(bundled.version);
  expect(prices).toHaveLength(bundled.prices.length);
});

it('a start with the same release imports nothing', async () => {
  expect(await bring(bundled, SHIPPED_AT_MS)).toMatchObject({ isImported: false });
});

it('an upgrade, whose sources are newer, imports; the change holds from that day on', async () => {
  expect(await bring(release('next', '4'), SHIPPED_AT_MS + DAY_MS)).toMatchObject({ isImported: true, refused: [] });
  expect(await inputPrices()).toEqual(['2.5', '4']);
});

it('an older release beside it, or after it, changes nothing', async () => {
  expect(await bring(release('old', '1'), SHIPPED_AT_MS - DAY_MS)).toMatchObject({ isImported: false });
  expect(await bring(bundled, SHIPPED_AT_MS)).toMatchObject({ isImported: false });
  expect(await inputPrices()).toEqual(['2.5', '4']);
});

it('a release may move a price by more than ten times: people have looked at it', async () => {
  expect(await bring(release('reviewed', '400'), SHIPPED_AT_MS + 2 * DAY_MS)).toMatchObject({ refused: [] });
  expect((await inputPrices()).at(-1)).toBe('400');
});
