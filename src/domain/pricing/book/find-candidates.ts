import { foldName } from '../../input/fold-name.ts';
import type { Price } from '../price/price.ts';
import { normalizeProvider } from '../price/provider-name.ts';
import { findCached, keepCached } from './name-cache.ts';
import { isSameAfter } from './name-tail.ts';
import { findOwn, type OwnCandidates } from './own-index.ts';
import type { CatalogMatch, ModelPrices, OverrideList, PriceBook, ProviderPrices } from './price-book.ts';
import { type Route, routeModel } from './route-model.ts';
import { type Spelling, spellModel } from './spell-model.ts';

/** A date such as `-20250929`, followed by `-`, `:` or the end. */
const COMPACT_DATE = /-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)/g;
/**
 * Models whose name without a date is that of the newest of its dated versions, all at one price.
 * Of the older ones (`gpt-4o`) each date has its own.
 */
const DATED =
  /^((?:(?:global\.)?anthropic\.|anthropic\/)?claude-[a-z0-9.-]*?|(?:openai\/)?gpt-(?:[5-9]|\d\d)[a-z0-9.-]*?)([-@]20\d{2}-?\d{2}-?\d{2}.*|-v1(?::0)?|@default)$/;
/** A profile for a part of the world costs what a call in one region of it does; `global.` and `us-gov.` do not. */
const AWS_PROFILE = /^(?:us|eu|apac|jp|au|ca|in|sa)\.([a-z0-9]+\..+)$/;
/** Two names of one house, of whose models each list has some only. */
const SISTERS = new Map([
  ['zai', ['zhipuai']],
  ['zhipuai', ['zai']],
]);

function findOwnModel(provider: ProviderPrices, name: string): ModelPrices | undefined {
  return provider.byName.get(name) ?? provider.models.find(({ fits }) => fits(name));
}

function findModel(book: PriceBook, id: string, provider: ProviderPrices, name: string): ModelPrices | undefined {
  const own = findOwnModel(provider, name);
  if (own) return own;
  for (const other of SISTERS.get(id) ?? provider.fallbackProviders) {
    const fallback = book.catalog.get(other);
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

/** The name without the date and version that may follow it, or null when none do. */
function withoutDate(name: string): string | null {
  const found = DATED.exec(name);
  return found?.[1] && found[2] && isSameAfter(found[1], found[2], found[1]) ? found[1] : null;
}

function withoutProfile(provider: string, { name, region }: Spelling): Spelling[] {
  const model = provider === 'aws' ? AWS_PROFILE.exec(name)?.[1] : undefined;
  return model === undefined ? [] : [{ name: model, region }];
}

/** The names to look up, in order: all spellings as given, then with dates expanded, then without. */
function listNames(provider: string, model: string): Spelling[] {
  const spelled = spellModel(provider, model);
  const given = [...spelled, ...spelled.flatMap((one) => withoutProfile(provider, one))];
  const dated = given.map(({ name, region }) => ({ name: spellDates(name), region }));
  const undated = given.flatMap(({ name, region }) => {
    const base = withoutDate(name);
    return base === null ? [] : [{ name: base, region }];
  });
  return [...given, ...dated.filter(({ name }, index) => name !== given[index]?.name), ...undated];
}

/** The same for a region that the name gives; where it has no price, only AWS charges the same elsewhere. */
function findRegion(prices: readonly Price[], provider: string, region: string | null): string | null | undefined {
  if (region === null || prices.some((price) => price.region === region)) return region;
  return provider === 'aws' && !region.startsWith('us-gov-') ? null : undefined;
}

function searchRoute(book: PriceBook, { provider: id, model }: Route): CatalogMatch | null {
  const provider = book.catalog.get(id);
  if (!provider) return null;
  for (const { name, region: given } of listNames(id, model)) {
    const found = findModel(book, id, provider, name);
    const region = found && findRegion(found.prices, id, given);
    if (found && region !== undefined) return { prices: found.prices, region, missing: null };
  }
  return null;
}

function searchCatalog(book: PriceBook, givenProvider: string, givenModel: string): CatalogMatch {
  const routes = routeModel(book, givenProvider, givenModel);
  for (const route of routes) {
    const found = searchRoute(book, route);
    if (found) return found;
  }
  const isKnown = routes.some(({ provider }) => book.catalog.has(provider));
  return { prices: [], region: null, missing: isKnown ? 'unknown_model' : 'unknown_provider' };
}

function searchOverrides(book: PriceBook, list: OverrideList, provider: string, model: string): OwnCandidates {
  const given = { provider: normalizeProvider(provider), model: foldName(model) };
  const named = [given, ...routeModel(book, provider, model)].map((route) => ({
    provider: route.provider,
    names: spellModel(route.provider, route.model).flatMap(({ name, region }) => (region === null ? [name] : [])),
  }));
  return findOwn(list.index, named);
}

/**
 * Returns the catalog's sheets for a provider and a model. Names are matched exactly, then by the
 * catalog's rules for dates and regions, then (one step) by the same of the fallback providers; each
 * of them as given, then without what only says where the model is served, with compact dates
 * expanded, and without a date. Similar names are never matched.
 */
export function findInCatalog(book: PriceBook, provider: string, model: string): CatalogMatch {
  return (
    findCached(book.cache, provider, model) ??
    keepCached(book.cache, provider, model, searchCatalog(book, provider, model))
  );
}

/**
 * Returns an organization's own prices for every tier and time, the most specific first. They are
 * for the name that is sent, with and without what only says where the model is served.
 */
export function findOverrides(book: PriceBook, list: OverrideList, provider: string, model: string): OwnCandidates {
  return (
    findCached(list.cache, provider, model) ??
    keepCached(list.cache, provider, model, searchOverrides(book, list, provider, model))
  );
}
