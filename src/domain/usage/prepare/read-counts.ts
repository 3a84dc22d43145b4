import { type FieldProblem, invalidField } from '../../../platform/errors.ts';
import { isDeeper } from '../../../platform/json-depth.ts';
import { JSON_DEPTH } from '../../input/limits.ts';
import { findCountProblems } from '../../pricing/price/check-counts.ts';
import { countsOf, USAGE_COUNTS, type UsageCounts } from '../../pricing/price/usage-counts.ts';
import { decodeUsage } from '../decode/decode-usage.ts';
import type { UsageInput } from '../event/usage-input.ts';

/** An event's counts, and what else its provider's own usage object said. */
export interface ReadCounts {
  counts: UsageCounts;
  model: string | null;
  serviceTier: string | null;
  /** A charge that the provider's answer itself states: decimal string in USD. */
  charge: string | null;
  warnings: string[];
}

const NO_WARNINGS: string[] = [];

function plainCounts(problems: FieldProblem[], input: UsageInput): UsageCounts {
  for (const path of ['inputTokens', 'outputTokens'] as const) {
    if (input[path] === undefined || input[path] === null) {
      problems.push({ path, message: 'is required, unless usage is given' });
    }
  }
  return countsOf(input);
}

/**
 * The counts of an event, given plainly or as the provider's own usage object; never both.
 * @throws AppError invalid_request from the decoder of the provider's object
 */
export function readCounts(problems: FieldProblem[], input: UsageInput): ReadCounts {
  if (input.usage !== undefined && input.usage !== null) {
    for (const { field: path } of USAGE_COUNTS) {
      if (input[path] !== undefined && input[path] !== null) {
        problems.push({ path, message: 'must not be given beside usage, which it is derived from' });
      }
    }
    // The event around it is a level too.
    if (isDeeper(input.usage, JSON_DEPTH - 1)) {
      throw invalidField('usage', `must not nest deeper than ${JSON_DEPTH} levels, the event counted`);
    }
    const { counts, model, serviceTier, cost, warnings } = decodeUsage(input.provider, input.usage);
    return { counts, model, serviceTier, charge: cost, warnings };
  }
  const counts = plainCounts(problems, input);
  if (problems.length === 0) problems.push(...findCountProblems(counts));
  return { counts, model: null, serviceTier: null, charge: null, warnings: NO_WARNINGS };
}
