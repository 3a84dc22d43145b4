import { foldName } from '../../input/fold-name.ts';
import type { Price } from '../price/price.ts';
import { normalizeProvider } from '../price/provider-name.ts';
import { normalizeServiceTier } from '../price/service-tier.ts';
import { UNPRICED_REASONS, type Unpriced, type UnpricedReason } from '../price/unpriced-reason.ts';
import { chooseOfLevel, chooseOwnPrice, hasOwnSheet, type OwnChoice } from './choose-own-price.ts';
import { findDiscounted } from './discount-price.ts';
import { findInCatalog, findOverrides } from './find-candidates.ts';
import { isInForce } from './in-force.ts';
import type { OverrideList, PriceBook } from './price-book.ts';

export { isInForce } from './in-force.ts';
export type { PriceBook } from './price-book.ts';

export interface PriceQuery {
  /** The organization whose overrides apply; without it only the catalog is searched. */
  organizationId?: string;
  /** In any spelling that `normalizeProvider` accepts. */
  provider: string;
  model: string;
  /** The time of the request in epoch milliseconds. */
  timeMs: number;
  /** The provider's own name of the tier; null means standard. */
  serviceTier?: string | null;
  /** Where the provider was made to process the request (`us`); null or `global` = wherever. */
  region?: string | null;
}

function unpriced(reason: UnpricedReason): Unpriced {
  return Object.freeze({ reason });
}

const UNKNOWN = { unknown_provider: unpriced('unknown_provider'), unknown_model: unpriced('unknown_model') };
const NOT_AT_TIME = unpriced('no_price_at_time');
const NOT_FOR_TIER = unpriced('no_price_for_service_tier');
const NOT_FOR_UNITS = unpriced('no_price_for_units');

/** What providers call the region of requests that may be processed anywhere. */
const EVERYWHERE: ReadonlySet<string> = new Set(['', 'global', 'default', 'not_available']);

function normalizeRegion(region: string | null | undefined): string | null {
  return region === null || region === undefined || EVERYWHERE.has(region) ? null : region;
}

/** The last sheet in force of a tier and a region. */
function findSheet(
  prices: readonly Price[],
  tier: string | null,
  region: string | null,
  timeMs: number,
): Price | undefined {
  for (let at = prices.length - 1; at >= 0; at--) {
    const price = prices[at];
    if (price !== undefined && price.region === region && price.serviceTier === tier && isInForce(price, timeMs)) {
      return price;
    }
  }
  return undefined;
}

function hasTier(prices: readonly Price[], tier: string | null): boolean {
  return prices.some((price) => price.serviceTier === tier);
}

/**
 * The last of the catalog's sheets in force: for the request's region, else for all regions.
 * @param hasOwn whether a price is known elsewhere, at another time or for another tier
 */
function findListed(book: PriceBook, query: PriceQuery, hasOwn: boolean): Price | Unpriced {
  const { provider, model, timeMs } = query;
  const tier = normalizeServiceTier(query.serviceTier);
  const { prices, region: named, missing } = findInCatalog(book, provider, model);
  if (missing !== null && !hasOwn) return UNKNOWN[missing];
  const region = normalizeRegion(query.region) ?? named;
  const price =
    (region === null ? undefined : findSheet(prices, tier, region, timeMs)) ??
    (region === named && region !== null ? undefined : findSheet(prices, tier, null, timeMs));
  if (price) return book.uncountable.has(price) ? NOT_FOR_UNITS : price;
  return tier !== null && !hasTier(prices, tier) ? NOT_FOR_TIER : NOT_AT_TIME;
}

function choiceOf(book: PriceBook, { discounted }: OverrideList, query: PriceQuery): OwnChoice {
  let listed: Price | Unpriced | undefined;
  return {
    tier: normalizeServiceTier(query.serviceTier),
    timeMs: query.timeMs,
    discounted(own) {
      listed ??= findListed(book, query, false);
      return isUnpriced(listed) ? null : findDiscounted(discounted, own, listed);
    },
  };
}

function findByName(book: PriceBook, list: OverrideList, query: PriceQuery): Price | Unpriced {
  const candidates = findOverrides(book, list, query.provider, query.model);
  const own = chooseOwnPrice(candidates, choiceOf(book, list, query));
  return own ?? findListed(book, query, hasOwnSheet(candidates));
}

/** An alias stands for every look-up but that of an own price for exactly the name that was sent. */
function findWithOwn(book: PriceBook, list: OverrideList, query: PriceQuery): Price | Unpriced {
  const { provider, model } = query;
  const target = list.aliases.get(normalizeProvider(provider))?.get(foldName(model));
  if (target === undefined) return findByName(book, list, query);
  const { exact } = findOverrides(book, list, provider, model);
  const own = chooseOfLevel(exact, choiceOf(book, list, query));
  return own ?? findByName(book, list, { ...query, provider: target.provider, model: target.model });
}

/**
 * Finds the sheet that prices a request, or the reason why there is none. An organization's own price in
 * force comes first (`chooseOwnPrice`), under the name that was sent or the one that its alias leads to;
 * then the last of the catalog's sheets in force, of the request's own tier: for the request's region, else
 * for all regions (`isRegionPriced` tells them apart). A look-up of names seen before takes less than a
 * microsecond, and costs an organization without prices of its own nothing more.
 *
 * Intended differences from `calcPrice` of genai-prices 0.1.8:
 * - Providers are matched by the table of `normalizeProvider`, not by a part of their name
 *   (`my-openai-proxy`), nor by the name of the model when the provider is unknown.
 * - A rule never takes another model: after the part that it names only a date, a version or a
 *   listed word may follow (`name-tail.ts`).
 * - Prefixes and suffixes that only say where a model is served are no part of its name
 *   (`spell-model.ts`), and gateways charge what the provider behind them does (`route-model.ts`).
 * - The catalog's own id of a model always matches it, even where its rule omits the id
 *   (`mistral codestral`).
 * - Sheets that charge only by pages or hours of audio (`whisper-1`, OCR) are unpriced, not 0.
 * - When no sheet is in force there is no price; `calcPrice` uses the first sheet (0.1.8 has no
 *   such model).
 */
export function findPrice(book: PriceBook, query: PriceQuery): Price | Unpriced {
  const { organizationId } = query;
  const list = organizationId === undefined ? undefined : book.overrides.get(organizationId);
  return list === undefined ? findListed(book, query, false) : findWithOwn(book, list, query);
}

/**
 * Whether a price is one for the region where the request was processed. An organization's own
 * price is for all regions, but not what it takes a discount off. A request that names no region is for all.
 */
export function isRegionPriced(price: Price, region: string | null | undefined): boolean {
  const asked = normalizeRegion(region);
  const isOwnSheet = price.organizationId !== null && price.discount === undefined;
  return asked === null || isOwnSheet || price.region === asked;
}

/** Whether they charge alike: one discount may be taken off different sheets. */
export function isSamePrice(one: Price, other: Price): boolean {
  return one.id === other.id && one.discount?.of === other.discount?.of;
}

export function isUnpriced(found: Price | Unpriced): found is Unpriced {
  return 'reason' in found;
}

export function describeUnpriced({ reason }: Unpriced): string {
  return UNPRICED_REASONS[reason];
}
