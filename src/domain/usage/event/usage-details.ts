import { USAGE_COUNTS, type UsageCounts } from '../../pricing/price/usage-counts.ts';
import { USAGE_UNITS, type UsageUnit, type UsageUnits } from '../../pricing/price/usage-units.ts';
import type { AdjustmentReason } from './usage-adjustment.ts';

/**
 * What a second model did within one answer and is charged beside it, such as an advisor that the
 * first one asked. Its tokens are in no count of the event; its cost is in the event's.
 */
export interface UsagePart {
  model: string;
  counts: Partial<UsageCounts>;
  /** UUID of the price that it is charged by; null where it has none. */
  priceId: string | null;
  /** UUID of the catalog's sheet that the price is a discount on. */
  discountOf?: string;
}

/**
 * What only few events have. It is one JSON column of the ledger, null for all others, so that they
 * pay nothing for it. What is not known is left out.
 */
export interface UsageDetails {
  units?: UsageUnits;
  /** The provider's own id of the answer. */
  responseId?: string;
  /** The model that the answer names, where it is not the event's. */
  servedModel?: string;
  /** Where the provider was made to process the request (`us`), which has a price of its own. */
  region?: string;
  parts?: readonly UsagePart[];
  /** The time whose prices apply, where it is not the event's: epoch milliseconds. */
  pricedAtMs?: number;
  /** UUID of the catalog's sheet, where the event's price is a discount on it. */
  discountOf?: string;
  /** Of a row that changes a cost: why, and the UUID of the job that did it. */
  adjustment?: { reason: AdjustmentReason; jobId?: string };
}

/** A copy of `units` with all of them negative: what takes them back, or gives them again. */
export function negateUnits(units: UsageUnits): UsageUnits {
  const negated: Partial<Record<UsageUnit, number>> = {};
  for (const { unit } of USAGE_UNITS) if (units[unit]) negated[unit] = -units[unit];
  return negated;
}

function negatePart({ counts, ...part }: UsagePart): UsagePart {
  const negated: Partial<UsageCounts> = {};
  for (const { field } of USAGE_COUNTS) if (counts[field]) negated[field] = -counts[field];
  return { ...part, counts: negated };
}

/** The details of the row that reverses an event: quantities are negative. */
export function reverseDetails(details: UsageDetails | null): UsageDetails | null {
  if (details === null) return null;
  const { units, parts, ...others } = details;
  return {
    ...others,
    ...(units && { units: negateUnits(units) }),
    ...(parts && { parts: parts.map(negatePart) }),
  };
}
