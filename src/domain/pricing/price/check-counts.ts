import type { FieldProblem } from '../../../platform/errors.ts';
import { COUNTS_BY_TOTAL, USAGE_COUNTS, type UsageCount, type UsageCounts } from './usage-counts.ts';

/** A part and the total that must include it. */
const PARTS: readonly (readonly [part: UsageCount, total: UsageCount])[] = COUNTS_BY_TOTAL.flatMap(
  ({ field, partOf }) => (partOf === null ? [] : [[field, partOf] as const]),
);
const FIELDS: ReadonlySet<UsageCount> = new Set([...PARTS.flat(), ...USAGE_COUNTS.map(({ field }) => field)]);

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isPart(value: number, total: number): boolean {
  return isCount(value) && value <= total;
}

/**
 * Whether the counts can be priced: the quick form of `findCountProblems` being empty. Written out:
 * every event is checked twice, and a loop over USAGE_COUNTS takes 0.15 µs, twenty times as long.
 * A test holds it to the table.
 */
export function areCountsValid(counts: UsageCounts): boolean {
  return (
    isCount(counts.inputTokens) &&
    isCount(counts.outputTokens) &&
    isCount(counts.cacheReadTokens) &&
    isCount(counts.cacheWriteTokens) &&
    isPart(counts.cacheWrite1hTokens, counts.cacheWriteTokens) &&
    isPart(counts.reasoningTokens, counts.outputTokens) &&
    isPart(counts.inputAudioTokens, counts.inputTokens) &&
    isPart(counts.outputAudioTokens, counts.outputTokens) &&
    isCount(counts.webSearches) &&
    counts.cacheReadTokens <= counts.inputTokens - counts.cacheWriteTokens
  );
}

/**
 * What is wrong with the counts: not a whole number from 0 to 2^53-1, or a part above its total. Cache reads and
 * writes are different tokens, so their sum counts as a part too. Empty when they can be priced.
 */
export function findCountProblems(counts: UsageCounts): FieldProblem[] {
  const problems: FieldProblem[] = [];
  if (areCountsValid(counts)) return problems;
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
