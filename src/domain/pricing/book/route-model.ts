import { foldName } from '../../input/fold-name.ts';
import { vendorOfModel } from '../price/model-vendor.ts';
import { knownProvider, normalizeProvider } from '../price/provider-name.ts';
import { isFramework, isGateway } from '../price/relay-names.ts';
import type { PriceBook } from './price-book.ts';

/** Whose price a call is charged by, and how they may call the model. */
export interface Route {
  provider: string;
  /** Folded. */
  model: string;
}

/** Who makes models and sells them under their own name. */
const VENDORS = 'anthropic cohere deepseek google minimax mistral moonshotai openai perplexity voyageai x-ai zai'.split(
  ' ',
);
/** The makers whose models OpenRouter passes on at their price, where its own list lacks one. */
const PASSED_ON: ReadonlySet<string> = new Set([
  'anthropic',
  'cohere',
  'google',
  'mistral',
  'openai',
  'perplexity',
  'x-ai',
]);
/** Gateways with a list of their own in a price source. */
const GATEWAY_LISTS: readonly (readonly [name: RegExp, provider: string])[] = [
  [/^vercel|^(?:ai[-_ ])?gateway$/, 'vercel_ai_gateway'],
  [/^cloudflare|^clf/, 'clf_ai_gateway'],
];

/** `vendor/model` and `vendor:model`, with a vendor that the book or a table knows. */
function splitVendor(book: PriceBook, model: string): Route | null {
  const found = /^([^/:]+)[/:](.+)$/.exec(model);
  if (!found?.[1] || !found[2]) return null;
  const provider = normalizeProvider(found[1]);
  const isKnown = knownProvider(found[1]) !== null || book.catalog.has(provider);
  return isKnown ? { provider, model: found[2] } : null;
}

/** The one maker whose own catalog lists exactly this name. */
function findMaker(book: PriceBook, model: string): string | null {
  const makers = VENDORS.filter(
    (id) => book.catalog.get(id)?.byName.has(model) && !(id === 'google' && model.startsWith('claude-')),
  );
  return makers.length === 1 ? (makers[0] ?? null) : null;
}

function routeOfGateway(book: PriceBook, provider: string, model: string): Route[] {
  const own = GATEWAY_LISTS.filter(([name]) => name.test(provider)).map(([, id]) => ({ provider: id, model }));
  if (vendorOfModel(model) === 'aws') return [{ provider: 'aws', model }, ...own];
  const vendor = splitVendor(book, model);
  if (vendor) return [vendor, ...own];
  const maker = findMaker(book, model);
  return maker === null ? own : [{ provider: maker, model }, ...own];
}

function routeOfFramework(book: PriceBook, model: string): Route[] {
  const shaped = vendorOfModel(model);
  const vendor = splitVendor(book, model);
  if (vendor && shaped !== 'aws') return [vendor];
  return shaped === null ? [] : [{ provider: shaped, model }];
}

/**
 * Finds whose prices hold for a call, the first that has one: a gateway's are those of the provider
 * that the model begins with, and of a library those of who sells the model. Of all others it is
 * the provider itself.
 */
export function routeModel(book: PriceBook, givenProvider: string, givenModel: string): Route[] {
  const provider = normalizeProvider(givenProvider);
  const model = foldName(givenModel);
  if (isFramework(provider)) return routeOfFramework(book, model);
  if (isGateway(provider)) return routeOfGateway(book, provider, model);
  const routes = [{ provider, model }];
  // Workers AI and Cloudflare's gateway are one provider to many.
  if (provider === 'cloudflare' && !model.includes('@')) routes.push(...routeOfGateway(book, provider, model));
  if (provider === 'openrouter' && !/:(?:free|extended)$/.test(model)) {
    const vendor = splitVendor(book, model.replace(/(?::[a-z]+)+$/, ''));
    if (vendor && PASSED_ON.has(vendor.provider)) routes.push(vendor);
  }
  return routes;
}
