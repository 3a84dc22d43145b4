import type { FieldProblem } from '../../../platform/errors.ts';
import { COUNTS_BY_TOTAL, USAGE_COUNTS, type UsageCount, type UsageCounts } from './usage-counts.ts';

/** A part and the total that must include it. */
const PARTS: readonly (readonly [part: UsageCount, total: UsageCount])[] = COUNTS_BY_TOTAL.flatMap(
  ({ field, partOf }) => (partOf === null ? [] : [[field, partOf] as const]),
);
const FIELDS: readonly UsageCount[] = [...new Set([...PARTS.flat(), ...USAGE_COUNTS.map(({ field }) => field)])];

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/**
 * What is wrong with the counts: not a whole number from 0 to 2^53-1, or a part above its total.
 * Cache reads and writes are different tokens, so their sum counts as a part too. Empty when they
 * can be priced.
 */
export function findCountProblems(counts: UsageCounts): FieldProblem[] {
  const problems: FieldProblem[] = [];
  for (const path of FIELDS) {
    if (!isCount(counts[path])) problems.push({ path, message: 'must be a whole number from 0 to 9007199254740991' });
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
