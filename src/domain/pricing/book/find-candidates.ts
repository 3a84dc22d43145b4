import { foldName } from '../../input/fold-name.ts';
import type { Price } from '../price/price.ts';
import { normalizeProvider } from '../price/provider-name.ts';
import { findCached } from './name-cache.ts';
import type { CatalogMatch, ModelPrices, OverrideList, PriceBook, ProviderPrices } from './price-book.ts';

/** A date such as `-20250929`, followed by `-`, `:` or the end. */
const COMPACT_DATE = /-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)/g;

function findOwnModel(provider: ProviderPrices, name: string): ModelPrices | undefined {
  return provider.byName.get(name) ?? provider.models.find(({ fits }) => fits(name));
}

function findModel(book: PriceBook, provider: ProviderPrices, name: string): ModelPrices | undefined {
  const own = findOwnModel(provider, name);
  if (own) return own;
  for (const id of provider.fallbackProviders) {
    const fallback = book.catalog.get(id);
    const found = fallback && findOwnModel(fallback, name);
    if (found) return found;
  }
  return undefined;
}

/** Writes `claude-x-20250929` as `claude-x-2025-09-29`; leaves digits that are not a date. */
function spellDates(name: string): string {
  return name.replace(COMPACT_DATE, (given, year: string, month: string, day: string) => {
    const date = `${year}-${month}-${day}`;
    const time = Date.parse(`${date}T00:00:00Z`);
    return !Number.isNaN(time) && new Date(time).toISOString().startsWith(date) ? `-${date}` : given;
  });
}

/** With the provider `litellm` the model contains the real provider (`azure/gpt-4o`). */
function readNames(givenProvider: string, givenModel: string): { provider: string; model: string } {
  const provider = normalizeProvider(givenProvider);
  const model = foldName(givenModel);
  const slash = model.indexOf('/');
  if (provider !== 'litellm' || slash < 1 || slash === model.length - 1) return { provider, model };
  return { provider: normalizeProvider(model.slice(0, slash)), model: model.slice(slash + 1) };
}

function searchCatalog(book: PriceBook, givenProvider: string, givenModel: string): CatalogMatch {
  const { provider: id, model: name } = readNames(givenProvider, givenModel);
  const provider = book.catalog.get(id);
  if (!provider) return { prices: [], missing: 'unknown_provider' };
  const dated = spellDates(name);
  const model = findModel(book, provider, name) ?? (dated === name ? undefined : findModel(book, provider, dated));
  return model ? { prices: model.prices, missing: null } : { prices: [], missing: 'unknown_model' };
}

/**
 * Returns the catalog's sheets for a provider and a model. Names are matched exactly, then by the
 * catalog's rules for dates and regions, then (one step) by the same of the fallback providers, and
 * at last all of these with compact dates expanded. Similar names are never matched.
 */
export function findInCatalog(book: PriceBook, provider: string, model: string): CatalogMatch {
  return findCached(book.cache, provider, model, () => searchCatalog(book, provider, model));
}

/** Returns an organization's overrides for every tier and time, the most specific last. */
export function findOverrides(list: OverrideList, provider: string, model: string): readonly Price[] {
  return findCached(list.cache, provider, model, () => {
    const names = readNames(provider, model);
    return list.overrides
      .filter((one) => one.provider === names.provider && one.fits(names.model))
      .map(({ price }) => price);
  });
}
