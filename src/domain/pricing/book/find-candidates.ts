import type { Price } from '../price/price.ts';
import { normalizeProvider } from '../price/provider-name.ts';
import { findCached } from './name-cache.ts';
import type { CatalogMatch, ModelPrices, OverrideList, PriceBook, ProviderPrices } from './price-book.ts';

/** `-20250929` before `-`, `:` or the end. */
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

/**
 * `claude-x-20250929` as `claude-x-2025-09-29`; what is not a day of the calendar stays as it is.
 */
function spellDates(name: string): string {
  return name.replace(COMPACT_DATE, (given, year: string, month: string, day: string) => {
    const date = `${year}-${month}-${day}`;
    const time = Date.parse(`${date}T00:00:00Z`);
    return !Number.isNaN(time) && new Date(time).toISOString().startsWith(date) ? `-${date}` : given;
  });
}

/**
 * Names for comparing. With LiteLLM's proxy as provider the true one stands in the model
 * (`litellm`, `azure/gpt-4o`).
 */
function readNames(givenProvider: string, givenModel: string): { provider: string; model: string } {
  const provider = normalizeProvider(givenProvider);
  const model = givenModel.trim().toLowerCase();
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
 * The catalog's sheets for the names. Names are matched exactly, then by the rules that the data
 * has for dates and regions, then (one step) with the provider's fallbacks; then all again with
 * compact dates spelled out. Nothing is guessed from likeness.
 */
export function findInCatalog(book: PriceBook, provider: string, model: string): CatalogMatch {
  return findCached(book.cache, provider, model, () => searchCatalog(book, provider, model));
}

/** An organization's overrides for the names, of every tier and time; the last in force counts. */
export function findOverrides(list: OverrideList, provider: string, model: string): readonly Price[] {
  return findCached(list.cache, provider, model, () => {
    const names = readNames(provider, model);
    return list.overrides
      .filter((one) => one.provider === names.provider && one.fits(names.model))
      .map(({ price }) => price);
  });
}
