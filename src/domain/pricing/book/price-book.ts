import { foldName } from '../../input/fold-name.ts';
import type { Catalog } from '../catalog/read-catalog.ts';
import { compilePrice, isCountable } from '../price/compile-price.ts';
import type { Price } from '../price/price.ts';
import { normalizeProvider } from '../price/provider-name.ts';
import { compileGuardedRule, compileMatchRule, listExactNames, type NameTest } from './match-rule.ts';
import { createNameCache, type NameCache } from './name-cache.ts';

/** The price sheets of one model, in catalog order. Of those in force, the last one counts. */
export interface ModelPrices {
  fits: NameTest;
  prices: Price[];
}

export interface ProviderPrices {
  /** By the catalog's own model id, and by each name that a rule lists. */
  byName: Map<string, ModelPrices>;
  models: ModelPrices[];
  fallbackProviders: string[];
}

/** The catalog's prices of one spelling of a provider and a model, at any time. */
export interface CatalogMatch {
  prices: readonly Price[];
  /** The region that the name itself says; null = none. */
  region: string | null;
  missing: 'unknown_provider' | 'unknown_model' | null;
}

interface Override {
  provider: string;
  fits: NameTest;
  price: Price;
}

/** The overrides of one organization, in ascending order of specificity. */
export interface OverrideList {
  overrides: readonly Override[];
  cache: NameCache<readonly Price[]>;
}

/** Prices prepared for the look-ups of `findPrice`. The book lives as long as the process. */
export interface PriceBook {
  readonly catalog: ReadonlyMap<string, ProviderPrices>;
  /** The sheets that charge only for units that Meterr does not count. */
  readonly uncountable: ReadonlySet<Price>;
  readonly cache: NameCache<CatalogMatch>;
  /** By organization. Only `setOverrides` changes it. */
  readonly overrides: Map<string, OverrideList>;
}

function indexCatalog({ providers, prices }: Pick<Catalog, 'providers' | 'prices'>): Map<string, ProviderPrices> {
  const index = new Map<string, ProviderPrices>();
  for (const { id, fallbackProviders } of providers)
    index.set(id, { byName: new Map(), models: [], fallbackProviders });
  const models = new Map<string, ModelPrices>();
  for (const price of prices.toSorted((a, b) => a.ordinal - b.ordinal)) {
    const provider = index.get(price.provider);
    if (!provider)
      throw new Error(`Price ${price.id} has a provider that the catalog does not list: ${price.provider}`);
    const key = `${price.provider}\n${price.model}`;
    const existing = models.get(key);
    if (existing) {
      existing.prices.push(price);
      continue;
    }
    const model = { fits: compileGuardedRule(price.match, foldName(price.model)), prices: [price] };
    models.set(key, model);
    provider.models.push(model);
    provider.byName.set(foldName(price.model), model);
  }
  for (const { models: all, byName } of index.values()) {
    for (const model of all) {
      const aliases = model.prices.flatMap(({ match }) => listExactNames(match));
      for (const alias of aliases) if (!byName.has(alias)) byName.set(alias, model);
    }
  }
  return index;
}

/**
 * An exact name beats a pattern, a longer pattern a shorter one, a later override an older one.
 */
function specificity({ match }: Price): number {
  return 'starts_with' in match ? match.starts_with.length : Number.POSITIVE_INFINITY;
}

export function createPriceBook(catalog: Pick<Catalog, 'providers' | 'prices'>): PriceBook {
  return {
    catalog: indexCatalog(catalog),
    uncountable: new Set(catalog.prices.filter((price) => !isCountable(price))),
    cache: createNameCache(),
    overrides: new Map(),
  };
}

/**
 * Replaces the overrides of an organization in the book. An override matches the exact name that is
 * sent, or a pattern of it, never the catalog's aliases of that name. Its sheet replaces the
 * catalog's sheet as a whole. `ordinal` is the order of creation.
 * @throws RangeError when a price has too many decimals (`compilePrice`); the book is then
 *   unchanged
 */
export function setOverrides(book: PriceBook, organizationId: string, prices: readonly Price[]): void {
  prices.forEach(compilePrice);
  const overrides = prices
    .toSorted((a, b) => {
      const [one, other] = [specificity(a), specificity(b)];
      return one === other ? a.ordinal - b.ordinal : one - other;
    })
    .map((price) => ({ provider: normalizeProvider(price.provider), fits: compileMatchRule(price.match), price }));
  if (overrides.length === 0) book.overrides.delete(organizationId);
  else book.overrides.set(organizationId, { overrides, cache: createNameCache() });
}
