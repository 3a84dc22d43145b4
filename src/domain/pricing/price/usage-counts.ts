interface CountDefinition {
  /** Its name in TypeScript and GraphQL. */
  field: string;
  /** Its column in the ledger, and its unit in a price. */
  column: string;
  /** What messages call it. */
  noun: string;
  /** The total that includes it. */
  partOf: string | null;
  /** Whether rollups keep its sum, in a column of the same name. */
  isSummed: boolean;
}

/**
 * The tokens and calls that are counted of one request: the one list that checks, prices, columns,
 * sums and the API's fields are made from. Whole numbers, not negative; every total includes its
 * parts. Body hashes depend on the order.
 */
export const USAGE_COUNTS = [
  // Cache reads, cache writes and audio are in the input, reasoning and audio in the output.
  { field: 'inputTokens', column: 'input_tokens', noun: 'input', partOf: null, isSummed: true },
  { field: 'outputTokens', column: 'output_tokens', noun: 'output', partOf: null, isSummed: true },
  { field: 'cacheReadTokens', column: 'cache_read_tokens', noun: 'cache reads', partOf: 'inputTokens', isSummed: true },
  // Those that are kept for one hour are included.
  {
    field: 'cacheWriteTokens',
    column: 'cache_write_tokens',
    noun: 'cache writes',
    partOf: 'inputTokens',
    isSummed: true,
  },
  {
    field: 'cacheWrite1hTokens',
    column: 'cache_write_1h_tokens',
    noun: '1-hour cache writes',
    partOf: 'cacheWriteTokens',
    isSummed: false,
  },
  { field: 'reasoningTokens', column: 'reasoning_tokens', noun: 'reasoning', partOf: 'outputTokens', isSummed: true },
  {
    field: 'inputAudioTokens',
    column: 'input_audio_tokens',
    noun: 'input audio',
    partOf: 'inputTokens',
    isSummed: false,
  },
  {
    field: 'outputAudioTokens',
    column: 'output_audio_tokens',
    noun: 'output audio',
    partOf: 'outputTokens',
    isSummed: false,
  },
  { field: 'webSearches', column: 'web_searches', noun: 'web searches', partOf: null, isSummed: false },
] as const satisfies readonly CountDefinition[];

type Definition = (typeof USAGE_COUNTS)[number];
type SummedDefinition = Extract<Definition, { isSummed: true }>;

export type UsageCount = Definition['field'];
export type CountColumn = Definition['column'];
export type SummedCount = SummedDefinition['field'];
export type SummedColumn = SummedDefinition['column'];

export type UsageCounts = Record<UsageCount, number>;

/** The counts that rollups keep. */
export const SUMMED_COUNTS: readonly SummedDefinition[] = USAGE_COUNTS.filter((count) => count.isSummed);

function partsOf(total: UsageCount): Definition[] {
  return USAGE_COUNTS.flatMap((count) => (count.partOf === total ? [count, ...partsOf(count.field)] : []));
}

/** Every total, then its parts and theirs: the order of cost lines, and of what is refused. */
export const COUNTS_BY_TOTAL: readonly Definition[] = USAGE_COUNTS.flatMap((count) =>
  count.partOf === null ? [count, ...partsOf(count.field)] : [],
);

const NO_COUNTS = Object.fromEntries(USAGE_COUNTS.map(({ field }) => [field, 0])) as UsageCounts;

/**
 * Counts; those that are not given are 0. Each is a copy of one template, so that all have one
 * hidden class: every event is made of one of these.
 */
export function countsOf(given: Partial<Record<UsageCount, number | null>>): UsageCounts {
  const counts = { ...NO_COUNTS };
  for (const { field } of USAGE_COUNTS) {
    const count = given[field];
    if (count) counts[field] = count;
  }
  return counts;
}

/** A copy of `counted` with all its counts negative: what takes it back, or gives it again. */
export function negateCounts<T extends UsageCounts>(counted: T): T {
  const negated: T & UsageCounts = { ...counted };
  const counts: UsageCounts = negated;
  for (const { field } of USAGE_COUNTS) counts[field] = counted[field] === 0 ? 0 : -counted[field];
  return negated;
}
