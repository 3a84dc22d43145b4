import { foldName } from '../../input/fold-name.ts';
import type { Catalog } from '../price/catalog.ts';
import { compilePrice, isCountable } from '../price/compile-price.ts';
import type { Price } from '../price/price.ts';
import type { DiscountCache } from './discount-price.ts';
import { compileGuardedRule, listExactNames, type NameTest } from './match-rule.ts';
import { createNameCache, type NameCache } from './name-cache.ts';
import { indexOwnPrices, type OwnCandidates, type OwnIndex } from './own-index.ts';

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

/** By which other name the price of a model is looked up. Names are in normal form. */
export interface AliasTarget {
  provider: string;
  model: string;
}

/** What one organization has of its own, prepared for look-ups. */
export interface OverrideList {
  index: OwnIndex;
  byId: ReadonlyMap<string, Price>;
  /** By provider and model. */
  aliases: ReadonlyMap<string, ReadonlyMap<string, AliasTarget>>;
  /** Emptied with each catalog: which names a call has depends on it. */
  cache: NameCache<OwnCandidates>;
  discounted: DiscountCache;
}

/** Prices prepared for the look-ups of `findPrice`. The book lives as long as the process. */
export interface PriceBook {
  readonly catalog: ReadonlyMap<string, ProviderPrices>;
  /** The sheets that charge only for units that Meterr does not count. */
  readonly uncountable: ReadonlySet<Price>;
  readonly cache: NameCache<CatalogMatch>;
  /** By organization, for those that have something of their own. Only `setOverrides` changes it. */
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

export function createPriceBook(catalog: Pick<Catalog, 'providers' | 'prices'>): PriceBook {
  return {
    catalog: indexCatalog(catalog),
    uncountable: new Set(catalog.prices.filter((price) => !isCountable(price))),
    cache: createNameCache(),
    overrides: new Map(),
  };
}

/** A model's alias, as it is looked up. */
export interface BookAlias {
  provider: string;
  model: string;
  targetProvider: string;
  targetModel: string;
}

function indexAliases(aliases: readonly BookAlias[]): OverrideList['aliases'] {
  const index = new Map<string, Map<string, AliasTarget>>();
  for (const { provider, model, targetProvider, targetModel } of aliases) {
    const models = index.get(provider) ?? new Map<string, AliasTarget>();
    index.set(provider, models.set(model, { provider: targetProvider, model: targetModel }));
  }
  return index;
}

/** Random names of one organization must not fill the memory either: the lists of a name may be long. */
const MAX_OWN_NAMES = 1_024;

export function createOwnCache(): OverrideList['cache'] {
  return createNameCache(MAX_OWN_NAMES);
}

/**
 * Replaces what an organization has of its own in the book. An own price matches the exact name that is
 * sent, or a prefix of it, never the catalog's aliases of that name. Its sheet replaces the catalog's sheet
 * as a whole. `ordinal` is the order of creation. Prices that were never in force are not needed.
 * @throws RangeError when a price has too many decimals (`compilePrice`); the book is then
 *   unchanged
 */
export function setOverrides(
  book: PriceBook,
  organizationId: string,
  prices: readonly Price[],
  aliases: readonly BookAlias[] = [],
): void {
  prices.forEach(compilePrice);
  if (prices.length === 0 && aliases.length === 0) {
    book.overrides.delete(organizationId);
    return;
  }
  book.overrides.set(organizationId, {
    index: indexOwnPrices(prices),
    byId: new Map(prices.map((price) => [price.id, price])),
    aliases: indexAliases(aliases),
    cache: createOwnCache(),
    discounted: new Map(),
  });
}
