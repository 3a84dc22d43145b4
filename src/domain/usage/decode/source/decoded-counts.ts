import { COUNT_MESSAGE, isEventCount } from '../../../input/event-count.ts';
import {
  COUNTS_BY_TOTAL,
  countsOf,
  USAGE_COUNTS,
  type UsageCount,
  type UsageCounts,
} from '../../../pricing/price/usage-counts.ts';
import { USAGE_UNITS, type UsageUnit, type UsageUnits } from '../../../pricing/price/usage-units.ts';
import type { UsagePart } from '../../event/usage-details.ts';
import { addProblem, type FoundCount, type Source } from './read-count.ts';

/** Quantities as a decoder found them, by unit; those that are 0 may be there. */
export type FoundUnits = Partial<Record<UsageUnit, FoundCount>>;

/**
 * What a family's decoder read, before the parts are held against their totals. Left out = not
 * said.
 */
export interface DecodedCounts extends Partial<Record<UsageCount, FoundCount>> {
  inputTokens: FoundCount;
  outputTokens: FoundCount;
  units?: FoundUnits;
  parts?: readonly Omit<UsagePart, 'priceId'>[];
}

export interface ReadQuantities {
  counts: UsageCounts;
  units: UsageUnits | null;
}

export const NONE: FoundCount = { value: 0, path: '', given: false };
const NOUNS: ReadonlyMap<UsageCount, string> = new Map(USAGE_COUNTS.map(({ field, noun }) => [field, noun]));
const FIELD_OF_COLUMN: ReadonlyMap<string, UsageCount> = new Map(
  USAGE_COUNTS.map(({ field, column }) => [column, field]),
);

/** Whether a unit is a part of the cache reads or writes: those are never raised for its sake. */
function isOfCache(total: UsageCount): boolean {
  return total === 'cacheReadTokens' || total === 'cacheWriteTokens';
}

/**
 * A part that is above its total is beside it (cached tokens and reasoning, which some answers leave
 * out of the total), or shows that the total is too low: the total is raised, and a warning says so.
 */
function raiseTotals(source: Source, decoded: DecodedCounts, counts: UsageCounts): void {
  const warn = (part: UsageCount, total: UsageCount, what: string) => {
    const found = decoded[part] ?? NONE;
    const of = `${NOUNS.get(part)} (${counts[part]}) are more than the ${NOUNS.get(total)} (${counts[total]})`;
    source.warnings.push(`${found.path}: ${of}; ${what}`);
  };
  if (counts.cacheWrite1hTokens > counts.cacheWriteTokens) {
    warn('cacheWrite1hTokens', 'cacheWriteTokens', 'the cache writes were raised to them');
    counts.cacheWriteTokens = counts.cacheWrite1hTokens;
  }
  const cached = counts.cacheReadTokens + counts.cacheWriteTokens;
  if (cached > counts.inputTokens) {
    const { path } = (decoded.cacheReadTokens?.value ? decoded.cacheReadTokens : decoded.cacheWriteTokens) ?? NONE;
    const sum = `${counts.cacheReadTokens} + ${counts.cacheWriteTokens}`;
    const of = `cache reads and writes (${sum}) are more than the input (${counts.inputTokens})`;
    source.warnings.push(`${path}: ${of}; they were added to it`);
    counts.inputTokens += cached;
  }
  if (counts.reasoningTokens > counts.outputTokens) {
    warn('reasoningTokens', 'outputTokens', 'they were added to it');
    counts.outputTokens += counts.reasoningTokens;
  }
  for (const [part, total] of [
    ['inputAudioTokens', 'inputTokens'],
    ['outputAudioTokens', 'outputTokens'],
  ] as const) {
    if (counts[part] <= counts[total]) continue;
    warn(part, total, 'it was raised to them');
    counts[total] = counts[part];
  }
}

function readUnits(source: Source, found: FoundUnits, counts: UsageCounts): UsageUnits | null {
  const units: Partial<Record<UsageUnit, number>> = {};
  let isEmpty = true;
  for (const { unit, noun, partOf } of USAGE_UNITS) {
    const quantity = found[unit];
    if (quantity === undefined || quantity.value === 0) continue;
    if (!isEventCount(quantity.value)) {
      addProblem(source, quantity.path, COUNT_MESSAGE);
      continue;
    }
    units[unit] = quantity.value;
    isEmpty = false;
    const total = partOf === null ? undefined : FIELD_OF_COLUMN.get(partOf);
    if (total === undefined || quantity.value <= counts[total]) continue;
    const of = `${noun} (${quantity.value}) are more than the ${NOUNS.get(total)} (${counts[total]})`;
    if (!isOfCache(total)) {
      source.warnings.push(`${quantity.path}: ${of}; it was raised to them`);
      counts[total] = quantity.value;
      continue;
    }
    source.warnings.push(`${quantity.path}: ${of}; the rest was left out`);
    if (counts[total] === 0) delete units[unit];
    else units[unit] = counts[total];
  }
  return isEmpty || Object.keys(units).length === 0 ? null : units;
}

/**
 * The decoded as counts and units, in which no part is above its total. Only a quantity past 10^12
 * becomes a problem of the source.
 */
export function toQuantities(source: Source, decoded: DecodedCounts): ReadQuantities {
  const values: Partial<Record<UsageCount, number>> = {};
  for (const { field } of COUNTS_BY_TOTAL) {
    const part = decoded[field] ?? NONE;
    if (!isEventCount(part.value)) addProblem(source, part.path, COUNT_MESSAGE);
    values[field] = part.value;
  }
  const counts = countsOf(values);
  raiseTotals(source, decoded, counts);
  const units = decoded.units === undefined ? null : readUnits(source, decoded.units, counts);
  for (const total of ['inputTokens', 'outputTokens'] as const) {
    if (!isEventCount(counts[total])) addProblem(source, decoded[total].path, COUNT_MESSAGE);
  }
  return { counts, units };
}

/**
 * Holds the provider's own total against what its convention makes of the parts. A mismatch is a
 * warning: what the event is worth is known all the same.
 */
export function checkTotal(source: Source, total: FoundCount, input: FoundCount, output: FoundCount): void {
  const sum = input.value + output.value;
  if (!total.given || total.value === sum) return;
  source.warnings.push(`${total.path} is ${total.value}, but its parts add up to ${sum}`);
}
