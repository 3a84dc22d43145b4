import { DAY_MS } from '../../../platform/time.ts';
import type { DailyWindow, Price } from '../price/price.ts';
import { normalizeServiceTier } from '../price/service-tier.ts';
import { UNPRICED_REASONS, type Unpriced, type UnpricedReason } from '../price/unpriced-reason.ts';
import { findInCatalog, findOverrides } from './find-candidates.ts';
import type { PriceBook } from './price-book.ts';

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
const NONE: readonly Price[] = [];
const NOT_FOR_UNITS = unpriced('no_price_for_units');

const THURSDAY = 4;

/** A window that passes midnight belongs to the day on which it begins. */
function isWithin({ startSeconds, endSeconds, weekdays }: DailyWindow, timeMs: number): boolean {
  const day = Math.floor(timeMs / DAY_MS);
  const seconds = (timeMs - day * DAY_MS) / 1000;
  const isAfterMidnight = endSeconds < startSeconds && seconds < endSeconds;
  const isOpen = seconds >= startSeconds && (endSeconds < startSeconds || seconds < endSeconds);
  if (!isAfterMidnight && !isOpen) return false;
  if (weekdays === null) return true;
  // The first of January 1970 was a Thursday.
  const began = day + THURSDAY - (isAfterMidnight ? 1 : 0);
  return weekdays.includes(((began % 7) + 7) % 7);
}

/** Whether the sheet is in force at a moment. */
export function isInForce(price: Price, timeMs: number): boolean {
  if (price.validFrom !== null && timeMs < price.validFrom) return false;
  if (price.validTo !== null && timeMs >= price.validTo) return false;
  return price.dailyWindow === null || isWithin(price.dailyWindow, timeMs);
}

/** What providers call the region of requests that may be processed anywhere. */
const EVERYWHERE: ReadonlySet<string> = new Set(['', 'global', 'default', 'not_available']);

function normalizeRegion(region: string | null | undefined): string | null {
  return region === null || region === undefined || EVERYWHERE.has(region) ? null : region;
}

/** The catalog's tiers are normal already; what an organization wrote may not be. */
function tierOf(price: Price): string | null {
  return price.organizationId === null ? price.serviceTier : normalizeServiceTier(price.serviceTier);
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
    if (price !== undefined && price.region === region && tierOf(price) === tier && isInForce(price, timeMs)) {
      return price;
    }
  }
  return undefined;
}

function hasTier(prices: readonly Price[], tier: string | null): boolean {
  return prices.some((price) => tierOf(price) === tier);
}

/**
 * Finds the sheet that prices a request, or the reason why there is none. Only sheets of the
 * request's own tier count. An override in force comes first, then the last of the catalog's sheets
 * in force: for the request's region, else for all regions (`isRegionPriced` tells them apart). A
 * look-up of names seen before takes less than a microsecond.
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
  const { organizationId, provider, model, timeMs } = query;
  const tier = normalizeServiceTier(query.serviceTier);
  const list = organizationId === undefined ? undefined : book.overrides.get(organizationId);
  const overrides = list ? findOverrides(book, list, provider, model) : NONE;
  const asked = normalizeRegion(query.region);
  const override =
    (asked === null ? undefined : findSheet(overrides, tier, asked, timeMs)) ??
    findSheet(overrides, tier, null, timeMs);
  if (override) return override;
  const { prices, region: named, missing } = findInCatalog(book, provider, model);
  if (missing !== null && overrides.length === 0) return UNKNOWN[missing];
  const region = asked ?? named;
  const price =
    (region === null ? undefined : findSheet(prices, tier, region, timeMs)) ??
    (region === named && region !== null ? undefined : findSheet(prices, tier, null, timeMs));
  if (price) return book.uncountable.has(price) ? NOT_FOR_UNITS : price;
  return tier !== null && !hasTier(prices, tier) ? NOT_FOR_TIER : NOT_AT_TIME;
}

/**
 * Whether a price is one for the region where the request was processed. An organization's own
 * price is for all regions, as is that of a request which names none.
 */
export function isRegionPriced(price: Price, region: string | null | undefined): boolean {
  const asked = normalizeRegion(region);
  return asked === null || price.organizationId !== null || price.region === asked;
}

export function isUnpriced(found: Price | Unpriced): found is Unpriced {
  return 'reason' in found;
}

export function describeUnpriced({ reason }: Unpriced): string {
  return UNPRICED_REASONS[reason];
}
