import type { FieldProblem } from '../../../platform/errors.ts';
import type { UsageCounts } from './price.ts';

/** A part and the total that must include it. */
const PARTS: readonly (readonly [part: keyof UsageCounts, total: keyof UsageCounts])[] = [
  ['cacheReadTokens', 'inputTokens'],
  ['cacheWriteTokens', 'inputTokens'],
  ['cacheWrite1hTokens', 'cacheWriteTokens'],
  ['inputAudioTokens', 'inputTokens'],
  ['reasoningTokens', 'outputTokens'],
  ['outputAudioTokens', 'outputTokens'],
];
const NAMES = [...new Set(PARTS.flat()), 'webSearches'] as const;

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** Whether the counts can be priced: the quick form of `findCountProblems` being empty. */
export function areCountsValid(counts: UsageCounts): boolean {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, cacheWrite1hTokens } = counts;
  const { reasoningTokens, inputAudioTokens, outputAudioTokens, webSearches } = counts;
  return (
    isCount(inputTokens) &&
    isCount(outputTokens) &&
    isCount(cacheReadTokens) &&
    isCount(cacheWriteTokens) &&
    isCount(cacheWrite1hTokens) &&
    isCount(reasoningTokens) &&
    isCount(inputAudioTokens) &&
    isCount(outputAudioTokens) &&
    isCount(webSearches) &&
    cacheReadTokens <= inputTokens - cacheWriteTokens &&
    cacheWrite1hTokens <= cacheWriteTokens &&
    inputAudioTokens <= inputTokens &&
    reasoningTokens <= outputTokens &&
    outputAudioTokens <= outputTokens
  );
}

/**
 * What is wrong with the counts: not a whole number from 0 to 2^53-1, or a part above its total. Cache reads and
 * writes are different tokens, so their sum counts as a part too. Empty when they can be priced.
 */
export function findCountProblems(counts: UsageCounts): FieldProblem[] {
  const problems: FieldProblem[] = [];
  if (areCountsValid(counts)) return problems;
  for (const name of NAMES) {
    if (!isCount(counts[name])) {
      problems.push({ path: name, message: 'must be a whole number from 0 to 9007199254740991' });
    }
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
