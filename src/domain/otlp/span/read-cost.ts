import { formatMoney, MONEY_SCALE, parseScaled, usd } from '../../../platform/money.ts';
import { USAGE_LIMITS } from '../../input/limits.ts';
import { CACHE_HIT_NAMES, CHARGE_NAME, COST_NAMES, LANGFUSE_COST_NAME } from '../names/word-names.ts';
import type { Attributes, AttributeValue, OtlpSpan } from '../wire/otlp-span.ts';
import { isOpenRouters } from './find-provider.ts';
import { readJsonNumbers } from './json-counts.ts';

/** No double is written longer; a longer text is an attack on BigInt. */
const MAX_TEXT = 60;
/** Places that hold any double exactly. */
const WIDE_SCALE = 400;
const HIT = /^(?:true|hit|semantic[ _-]?hit|1|yes|cached)$/i;

/** A cost as a plain decimal; digits past 18 places are float noise and are rounded. Null where it is none. */
function toDecimal(value: AttributeValue | undefined): string | null {
  if (typeof value !== 'number' && typeof value !== 'string') return null;
  const text = String(value).trim();
  if (text.length > MAX_TEXT) return null;
  const wide = parseScaled(text, WIDE_SCALE);
  if (wide === null || wide < 0n) return null;
  const unit = 10n ** BigInt(WIDE_SCALE - MONEY_SCALE);
  const amount = (wide + unit / 2n) / unit;
  return amount > usd(USAGE_LIMITS.costUsd) ? null : formatMoney(amount);
}

function firstDecimal(attributes: Attributes, names: readonly string[]): string | null {
  for (const name of names) {
    const cost = toDecimal(attributes.get(name));
    if (cost !== null) return cost;
  }
  return null;
}

/** Whether a gateway answered from its own cache, so that no provider was called. */
export function isCacheHit({ attributes }: OtlpSpan): boolean {
  return CACHE_HIT_NAMES.some((name) => {
    const value = attributes.get(name);
    return value !== undefined && HIT.test(String(value).trim());
  });
}

/**
 * What was charged for the call, where the span knows that: nothing for what a gateway had in its
 * cache, and OpenRouter's own charge.
 */
export function readCharge(span: OtlpSpan): string | null {
  if (isCacheHit(span)) return '0';
  if (!isOpenRouters(span)) return null;
  return toDecimal(span.attributes.get(CHARGE_NAME));
}

/** What the instrumentation believes the call cost, by a price list of its own. */
export function readReportedCost({ attributes }: OtlpSpan): string | null {
  const total = readJsonNumbers(attributes, LANGFUSE_COST_NAME)?.get('total');
  return firstDecimal(attributes, COST_NAMES) ?? toDecimal(total);
}
