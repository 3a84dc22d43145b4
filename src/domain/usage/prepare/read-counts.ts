import { type FieldProblem, invalidField } from '../../../platform/errors.ts';
import { isDeeper } from '../../../platform/json/json-depth.ts';
import { JSON_DEPTH } from '../../input/limits.ts';
import { findCountProblems } from '../../pricing/price/check-counts.ts';
import { findUnitProblems } from '../../pricing/price/check-units.ts';
import { countsOf, USAGE_COUNTS, type UsageCounts } from '../../pricing/price/usage-counts.ts';
import type { UsageUnits } from '../../pricing/price/usage-units.ts';
import { decodeUsage } from '../decode/decode-usage.ts';
import type { DecodedUsage } from '../decode/decoded-usage.ts';
import type { UsageInput } from '../event/usage-input.ts';
import { readUnits } from './read-units.ts';

/** An event's counts, and what else its provider's own usage object said. */
export interface ReadCounts {
  counts: UsageCounts;
  /** Stated by the caller, or read from the provider's object; null where there are none. */
  units: UsageUnits | null;
  model: string | null;
  serviceTier: string | null;
  /** A charge that the provider's answer itself states: decimal string in USD. */
  charge: string | null;
  /** What the provider's object says that few others do; null for plain counts. */
  decoded: DecodedUsage | null;
  warnings: string[];
}

const NO_WARNINGS: string[] = [];

function plainCounts(problems: FieldProblem[], input: UsageInput): UsageCounts {
  for (const path of ['inputTokens', 'outputTokens'] as const) {
    if ((input[path] === undefined || input[path] === null) && !input.telemetry?.isWithoutUsage) {
      problems.push({ path, message: 'is required, unless usage is given' });
    }
  }
  return countsOf(input);
}

function readDecoded(problems: FieldProblem[], input: UsageInput): ReadCounts {
  for (const { field: path } of USAGE_COUNTS) {
    if (input[path] !== undefined && input[path] !== null) {
      problems.push({ path, message: 'must not be given beside usage, which it is derived from' });
    }
  }
  if (readUnits(problems, input.units) !== null) {
    problems.push({ path: 'units', message: 'must not be given beside usage, which they are derived from' });
  }
  // The event around it is a level too.
  if (isDeeper(input.usage, JSON_DEPTH - 1)) {
    throw invalidField('usage', `must not nest deeper than ${JSON_DEPTH} levels, the event counted`);
  }
  const decoded = decodeUsage(input.provider, input.usage, input.model ?? null);
  const { counts, units, model, serviceTier, cost, warnings } = decoded;
  return { counts, units, model, serviceTier, charge: cost, decoded, warnings };
}

/**
 * What contradicts itself is refused where the caller states it; of a span it is a warning, and the
 * price cuts the parts to their totals.
 */
function checkUnits(problems: FieldProblem[], input: UsageInput, counts: UsageCounts, units: UsageUnits): string[] {
  const found = findUnitProblems(counts, units);
  if (input.telemetry) return found.map(({ path, message }) => `${path} ${message}`);
  problems.push(...found);
  return NO_WARNINGS;
}

/**
 * The counts and units of an event, given plainly or as the provider's own usage object; never both.
 * @throws AppError invalid_request from the decoder of the provider's object
 */
export function readCounts(problems: FieldProblem[], input: UsageInput): ReadCounts {
  if (input.usage !== undefined && input.usage !== null) return readDecoded(problems, input);
  const counts = plainCounts(problems, input);
  const units = readUnits(problems, input.units);
  if (problems.length === 0) problems.push(...findCountProblems(counts));
  const warnings = units !== null && problems.length === 0 ? checkUnits(problems, input, counts, units) : NO_WARNINGS;
  return { counts, units, model: null, serviceTier: null, charge: null, decoded: null, warnings };
}
