import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { followTenantChanges } from '../../src/domain/access/tenant-changes.ts';
import { createBudgetDirectory } from '../../src/domain/budgets/budget-directory.ts';
import { readCatalog } from '../../src/domain/pricing/catalog/read-catalog.ts';
import { importCatalog } from '../../src/domain/pricing/import/import-catalog.ts';
import type { Price } from '../../src/domain/pricing/price/price.ts';
import { type PricingLaterResources, priceUnpricedUsage } from '../../src/domain/usage/adjust/price-unpriced-usage.ts';
import { newUuid } from '../../src/platform/ids.ts';
import { openDatabase } from '../../src/platform/postgres/database.ts';
import { LATER_PRICES } from './ledger.ts';

const CONNECTIONS = 3;
const NEWER_THAN_ALL_MS = Date.UTC(2100, 0, 1);

/** What the job needs that prices events later, and nothing that runs by itself. */
export interface LaterPricer {
  resources: PricingLaterResources;
  /** Imports a catalog that has `LATER_PRICES` too, and maybe others. */
  makeKnown(more?: readonly Partial<Price>[]): Promise<void>;
  /** Runs the job, also where it is done with this catalog. */
  price(): Promise<number>;
  close(): Promise<void>;
}

function tokenUnits(prices: Record<'input' | 'cacheRead' | 'cacheWrite' | 'output', string>): Price['units'] {
  const units = {
    input_tokens: prices.input,
    cache_read_tokens: prices.cacheRead,
    cache_write_tokens: prices.cacheWrite,
    output_tokens: prices.output,
  };
  return Object.entries(units).map(([unit, price]) => ({ unit, price, per: 1_000_000, tiers: [] }));
}

/** A job of a process of its own: one of these for each process that a test wants. */
export function openLaterPricer(connectionString: string, nowMs: number): LaterPricer {
  const database = openDatabase({ connectionString, connections: CONNECTIONS, onError: () => {} });
  const changes = followTenantChanges(database, pino({ level: 'silent' }));
  const resources: PricingLaterResources = {
    database,
    budgets: createBudgetDirectory(database, changes),
    clock: () => nowMs,
    notices: { wake() {} },
    config: { priceUnpricedLater: true },
  };
  return {
    resources,
    async makeKnown(more = []) {
      const catalog = await readCatalog();
      const [first] = catalog.prices;
      if (!first) throw new Error('the catalog has prices');
      const sheet = (model: string, provider: string): Price => ({
        ...first,
        id: newUuid(),
        provider,
        model,
        match: { equals: model },
        serviceTier: null,
        validFrom: null,
        validTo: null,
        dailyWindow: null,
        dispute: null,
      });
      const later = Object.entries(LATER_PRICES).map(([model, price]) => {
        return { ...sheet(model, price.provider), units: tokenUnits(price) };
      });
      const others = more.map((one) => ({ ...sheet(one.model ?? '', one.provider ?? ''), ...one }));
      const prices = [...catalog.prices, ...later, ...others];
      const providers = new Set([...later, ...others].map(({ provider }) => provider));
      const known = catalog.providers.map(({ id }) => id);
      const added = [...providers].filter((id) => !known.includes(id));
      const larger = {
        ...catalog,
        version: `later-${randomUUID()}`,
        providers: [...catalog.providers, ...added.map((id) => ({ id, name: id, fallbackProviders: [] }))],
        prices: prices.map((price, ordinal) => ({ ...price, ordinal })),
      };
      await importCatalog(database, { catalog: larger, asOfMs: NEWER_THAN_ALL_MS, nowMs });
    },
    async price() {
      await database.pool.query('UPDATE catalog_versions SET priced_later_at = NULL');
      return priceUnpricedUsage(resources);
    },
    async close() {
      await changes.close();
      await database.close();
    },
  };
}
