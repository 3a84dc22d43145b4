import { DAY_MS } from '../../../platform/time.ts';
import type { DailyWindow, Price } from '../price/price.ts';
import { normalizeServiceTier } from '../price/service-tier.ts';
import { UNPRICED_REASONS, type Unpriced, type UnpricedReason } from '../price/unpriced-reason.ts';
import { findInCatalog, findOverrides } from './find-candidates.ts';
import type { PriceBook } from './price-book.ts';

export type { PriceBook } from './price-book.ts';

export interface PriceQuery {
  /** Whose overrides count; without one the catalog alone answers. */
  organizationId?: string;
  /** In any spelling that `normalizeProvider` knows. */
  provider: string;
  model: string;
  /** When the request happened, epoch milliseconds. */
  timeMs: number;
  /** As the provider calls it; default standard. */
  serviceTier?: string | null;
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

/** Whether the sheet is in force at that moment. */
export function isInForce(price: Price, timeMs: number): boolean {
  if (price.validFrom !== null && timeMs < price.validFrom) return false;
  if (price.validTo !== null && timeMs >= price.validTo) return false;
  return price.dailyWindow === null || isWithin(price.dailyWindow, timeMs);
}

/**
 * The sheet that prices a request, or why there is none. An override of its tier in force comes
 * first; then, for the standard tier only, the catalog: of the model's sheets in force the last
 * one. Below a microsecond for names seen before.
 *
 * Where this differs from `calcPrice` of genai-prices 0.1.8, on purpose:
 * - Providers are known by `normalizeProvider`'s table, not by a part of their name
 *   (`my-openai-proxy`), nor by the model's name when the provider is not known.
 * - The catalog's own id of a model is always a name of it, also where its rule leaves it out
 *   (`mistral codestral`).
 * - Sheets by pages or hours of audio alone (`whisper-1`, OCR) are unpriced instead of 0.
 * - When no sheet is in force there is no price; `calcPrice` takes the first sheet (0.1.8 has no
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

/** Tells the two answers of `findPrice` apart. */
export function isUnpriced(found: Price | Unpriced): found is Unpriced {
  return 'reason' in found;
}

/** A reason as a sentence for the caller. */
export function describeUnpriced({ reason }: Unpriced): string {
  return UNPRICED_REASONS[reason];
}
