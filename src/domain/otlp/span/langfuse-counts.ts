import type { UsageUnits } from '../../pricing/price/usage-units.ts';
import type { StatedCounts } from './stated-counts.ts';

/**
 * Langfuse's `usage_details` are parts that exclude each other: `input` is without the cached tokens,
 * `output` without the reasoning. The stated total proves it where somebody passed on a provider's
 * own inclusive numbers.
 */
const SYNONYMS = {
  input: ['input', 'input_tokens', 'inputtokens', 'prompt_tokens', 'prompttokens', 'prompt'],
  output: ['output', 'output_tokens', 'outputtokens', 'completion_tokens', 'completiontokens', 'completion'],
  total: ['total', 'total_tokens', 'totaltokens'],
} as const;

type Part =
  | 'splitWrite1h'
  | 'cacheWrite1hTokens'
  | 'cacheWriteTokens'
  | 'cacheReadTokens'
  | 'reasoningTokens'
  | 'inputAudioTokens'
  | 'outputAudioTokens'
  | 'input_image_tokens'
  | 'output_image_tokens'
  | 'input'
  | 'output';

/** The first that fits. What fits none, such as predictions that were accepted, is left out. */
const PARTS: readonly (readonly [name: RegExp, part: Part | null])[] = [
  // Anthropic's split of writes that are counted already.
  [/cache_creation\..*1h/, 'splitWrite1h'],
  [/cache_creation\./, null],
  [/cache.*1h|ephemeral_1h/, 'cacheWrite1hTokens'],
  [/cache.?(?:creation|write)|ephemeral_5m/, 'cacheWriteTokens'],
  [/cache.?read|cached/, 'cacheReadTokens'],
  [/reasoning|thought|thinking/, 'reasoningTokens'],
  [/^(?:input|prompt).*audio/, 'inputAudioTokens'],
  [/^(?:output|completion).*audio/, 'outputAudioTokens'],
  [/^(?:input|prompt).*image/, 'input_image_tokens'],
  [/^(?:output|completion).*image/, 'output_image_tokens'],
  [/prediction/, 'output'],
  [/^(?:input|prompt)[._]/, 'input'],
  [/^(?:output|completion)[._]/, 'output'],
];

/** Reads the numbers of `langfuse.observation.usage_details`; null where they tell neither side. */
export function readLangfuseCounts(
  numbers: ReadonlyMap<string, number>,
): (StatedCounts & { isExclusive: boolean }) | null {
  const byName = new Map([...numbers].map(([name, value]) => [name.toLowerCase(), value]));
  const first = (names: readonly string[]) => names.map((name) => byName.get(name)).find((one) => one !== undefined);
  const [input, output, total] = [first(SYNONYMS.input), first(SYNONYMS.output), first(SYNONYMS.total)];
  const sums = new Map<Part, number>();
  const whole: ReadonlySet<string> = new Set(Object.values(SYNONYMS).flat());
  for (const [name, value] of byName) {
    const part = whole.has(name) ? undefined : PARTS.find(([pattern]) => pattern.test(name))?.[1];
    if (part) sums.set(part, (sums.get(part) ?? 0) + value);
  }
  const partOf = (part: Part) => sums.get(part) ?? 0;
  if (input === undefined && output === undefined && sums.size === 0) return null;
  const isInclusive = total !== undefined && sums.size > 0 && total === (input ?? 0) + (output ?? 0);
  const ofInput = isInclusive ? 0 : partOf('input') + partOf('inputAudioTokens') + partOf('input_image_tokens');
  const ofOutput = isInclusive
    ? 0
    : partOf('output') + partOf('outputAudioTokens') + partOf('output_image_tokens') + partOf('reasoningTokens');
  const writes = partOf('cacheWriteTokens') + partOf('cacheWrite1hTokens');
  return {
    input: (input ?? 0) + ofInput,
    output: (output ?? 0) + ofOutput,
    total: total ?? null,
    cacheReadTokens: partOf('cacheReadTokens'),
    cacheWriteTokens: writes,
    cacheWrite1hTokens: partOf('cacheWrite1hTokens') + partOf('splitWrite1h'),
    reasoningTokens: partOf('reasoningTokens'),
    inputAudioTokens: partOf('inputAudioTokens'),
    outputAudioTokens: partOf('outputAudioTokens'),
    webSearches: 0,
    units: unitsOf(partOf('input_image_tokens'), partOf('output_image_tokens')),
    isExclusive: !isInclusive,
  };
}

function unitsOf(input: number, output: number): UsageUnits {
  return {
    ...(input > 0 ? { input_image_tokens: input } : {}),
    ...(output > 0 ? { output_image_tokens: output } : {}),
  };
}
