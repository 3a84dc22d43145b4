import type { FieldProblem } from '../../../platform/errors.ts';
import { COUNT_MESSAGE, isEventCount } from '../../input/event-count.ts';
import { COUNTS_BY_TOTAL, USAGE_COUNTS, type UsageCount, type UsageCounts } from './usage-counts.ts';

/** A part and the total that must include it. */
const PARTS: readonly (readonly [part: UsageCount, total: UsageCount])[] = COUNTS_BY_TOTAL.flatMap(
  ({ field, partOf }) => (partOf === null ? [] : [[field, partOf] as const]),
);
const FIELDS: readonly UsageCount[] = [...new Set([...PARTS.flat(), ...USAGE_COUNTS.map(({ field }) => field)])];

/**
 * What is wrong with the counts: not a whole number from 0 to 10^12, or a part above its total.
 * Cache reads and writes are different tokens, so their sum counts as a part too. Empty when they
 * can be priced.
 */
export function findCountProblems(counts: UsageCounts): FieldProblem[] {
  const problems: FieldProblem[] = [];
  for (const path of FIELDS) {
    if (!isEventCount(counts[path])) problems.push({ path, message: COUNT_MESSAGE });
  }
  if (problems.length > 0) return problems;
  for (const [part, total] of PARTS) {
    if (counts[part] > counts[total])
      problems.push({ path: part, message: `must not be above ${total}, which includes it` });
  }
  if (problems.length === 0 && counts.cacheReadTokens > counts.inputTokens - counts.cacheWriteTokens) {
    problems.push({ path: 'inputTokens', message: 'must include both cacheReadTokens and cacheWriteTokens' });
  }
  return problems;
}
