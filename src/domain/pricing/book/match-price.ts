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
  /** Where the provider is made to process the request (`us`); null means wherever it likes. */
  region?: string | null;
}

function unpriced(reason: UnpricedReason): Unpriced {
  return Object.freeze({ reason });
}

const UNKNOWN = { unknown_provider: unpriced('unknown_provider'), unknown_model: unpriced('unknown_model') };
const NOT_AT_TIME = unpriced('no_price_at_time');
const NOT_FOR_TIER = unpriced('no_price_for_service_tier');
const NOT_FOR_UNITS = unpriced('no_price_for_units');

function isWithin({ startSeconds, endSeconds }: DailyWindow, timeMs: number): boolean {
  const seconds = (((timeMs % DAY_MS) + DAY_MS) % DAY_MS) / 1000;
  return endSeconds < startSeconds
    ? seconds >= startSeconds || seconds < endSeconds
    : seconds >= startSeconds && seconds < endSeconds;
}

/** Whether the sheet is in force at a moment. */
export function isInForce(price: Price, timeMs: number): boolean {
  if (price.validFrom !== null && timeMs < price.validFrom) return false;
  if (price.validTo !== null && timeMs >= price.validTo) return false;
  return price.dailyWindow === null || isWithin(price.dailyWindow, timeMs);
}

/**
 * Finds the sheet that prices a request, or the reason why there is none. An override in force
 * for the tier comes first. For the standard tier only, the catalog follows: the last of the
 * model's sheets in force. A look-up of names seen before takes less than a microsecond.
 *
 * Intended differences from `calcPrice` of genai-prices 0.1.8:
 * - Providers are matched by the table of `normalizeProvider`, not by a part of their name
 *   (`my-openai-proxy`), nor by the name of the model when the provider is unknown.
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
  const overrides = list ? findOverrides(list, provider, model) : [];
  const override = overrides.findLast(
    (one) => normalizeServiceTier(one.serviceTier) === tier && isInForce(one, timeMs),
  );
  if (override) return override;
  const { prices, missing } = findInCatalog(book, provider, model);
  if (missing !== null && overrides.length === 0) return UNKNOWN[missing];
  if (tier !== null) return NOT_FOR_TIER;
  const price = prices.findLast((one) => isInForce(one, timeMs));
  if (!price) return NOT_AT_TIME;
  return book.uncountable.has(price) ? NOT_FOR_UNITS : price;
}

export function isUnpriced(found: Price | Unpriced): found is Unpriced {
  return 'reason' in found;
}

export function describeUnpriced({ reason }: Unpriced): string {
  return UNPRICED_REASONS[reason];
}
