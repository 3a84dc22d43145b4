import { COUNT_MESSAGE, isEventCount } from '../../input/event-count.ts';
import {
  COUNTS_BY_TOTAL,
  countsOf,
  USAGE_COUNTS,
  type UsageCount,
  type UsageCounts,
} from '../../pricing/price/usage-counts.ts';
import { addProblem, type FoundCount, type Source } from './read-count.ts';

/**
 * What a family's decoder read, before the parts are held against their totals. Left out = not
 * said.
 */
export interface DecodedCounts extends Partial<Record<UsageCount, FoundCount>> {
  inputTokens: FoundCount;
  outputTokens: FoundCount;
}

const NONE: FoundCount = { value: 0, path: '', given: false };
const NOUNS: ReadonlyMap<UsageCount, string> = new Map(USAGE_COUNTS.map(({ field, noun }) => [field, noun]));

function checkCacheSum(source: Source, { inputTokens: input, cacheReadTokens, cacheWriteTokens }: DecodedCounts): void {
  const [read, write] = [cacheReadTokens ?? NONE, cacheWriteTokens ?? NONE];
  if (read.value + write.value <= input.value) return;
  const message = `cache reads and writes (${read.value} + ${write.value}) are more than the input (${input.value})`;
  addProblem(source, read.path, message);
}

/**
 * The decoded as counts; a part above its total, or a sum past 10^12, becomes a problem of the
 * source.
 */
export function toCounts(source: Source, decoded: DecodedCounts): UsageCounts {
  const values: Partial<Record<UsageCount, number>> = {};
  for (const { field, noun, partOf } of COUNTS_BY_TOTAL) {
    const part = decoded[field] ?? NONE;
    if (!isEventCount(part.value)) addProblem(source, part.path, COUNT_MESSAGE);
    values[field] = part.value;
    const total = partOf === null ? part : (decoded[partOf] ?? NONE);
    if (part.value > total.value) {
      const message = `${noun} (${part.value}) are more than the ${NOUNS.get(partOf ?? field)} (${total.value})`;
      addProblem(source, part.path, message);
    }
  }
  checkCacheSum(source, decoded);
  return countsOf(values);
}

/**
 * Holds the provider's own total against what its convention makes of the parts. A mismatch is a
 * warning, never a guess; only a total that no reading of the parts can give (below one of them, or
 * above nothing) is refused.
 */
export function checkTotal(source: Source, total: FoundCount, input: FoundCount, output: FoundCount): void {
  const sum = input.value + output.value;
  if (!total.given || total.value === sum) return;
  if (total.value < Math.max(input.value, output.value) || sum === 0) {
    addProblem(source, total.path, `is ${total.value}, but its parts add up to ${sum}`);
  } else {
    source.warnings.push(`${total.path} is ${total.value}, but its parts add up to ${sum}`);
  }
}
