import type { UsageCounts } from '../../pricing/price/usage-counts.ts';
import type { UsageUnits } from '../../pricing/price/usage-units.ts';

/** What a span says, before it is known which of its counts include which. Not stated is 0. */
export interface StatedCounts extends Omit<UsageCounts, 'inputTokens' | 'outputTokens'> {
  /** Null: not stated. */
  input: number | null;
  output: number | null;
  /** Input and output together; null where it is not stated. */
  total: number | null;
  units: UsageUnits;
}

/**
 * How a span's input was read: with its cached tokens inside it, or beside it and therefore added.
 */
export type InputRule = 'inclusive' | 'exclusive';

/** What is known of a source beforehand. */
export interface CountRules {
  /** Its input leaves cached tokens out. */
  isExclusive: boolean;
  /** Its vendor counts reasoning beside the output, where the output is less than the reasoning. */
  isReasoningBeside: boolean;
  /** What a total says beyond its parts is reasoning that was left out. */
  hidesReasoning: boolean;
}

export interface SettledCounts {
  counts: UsageCounts;
  units: UsageUnits;
  inputRule: InputRule;
  /** What is to be said of the numbers. */
  warnings: string[];
}

interface Reading {
  isExclusive: boolean;
  isBeside: boolean;
}

const READINGS: readonly Reading[] = [
  { isExclusive: false, isBeside: false },
  { isExclusive: false, isBeside: true },
  { isExclusive: true, isBeside: false },
  { isExclusive: true, isBeside: true },
];

/**
 * Puts counts into the normal form, in which totals include their parts. The stated total proves how
 * they are meant, where one reading of them adds up to it. Without it cached tokens are inside the
 * input by the conventions, and beside it where they are more. Nothing is refused: a total that is
 * below its part is raised to it, with a warning.
 */
export function settleCounts(stated: StatedCounts, rules: CountRules): SettledCounts {
  const warnings: string[] = [];
  const cacheWriteTokens = Math.max(stated.cacheWriteTokens, stated.cacheWrite1hTokens);
  const cached = stated.cacheReadTokens + cacheWriteTokens;
  const { reasoningTokens: reasoning, total } = stated;
  const [input, output] = fillSides(stated, warnings);
  const sumOf = ({ isExclusive, isBeside }: Reading) =>
    input + (isExclusive ? cached : 0) + output + (isBeside ? reasoning : 0);
  const isPossible = ({ isExclusive, isBeside }: Reading) =>
    (isExclusive ? cached > 0 : cached <= input && !(rules.isExclusive && cached > 0)) &&
    (isBeside ? reasoning > 0 : reasoning <= output);
  const proven = READINGS.find((one) => isPossible(one) && sumOf(one) === total);
  const reading = proven ?? {
    isExclusive: cached > input || (rules.isExclusive && cached > 0),
    isBeside: rules.isReasoningBeside && reasoning > output,
  };
  const counts: UsageCounts = {
    inputTokens: input + (reading.isExclusive ? cached : 0),
    outputTokens: output + (reading.isBeside ? reasoning : 0),
    cacheReadTokens: stated.cacheReadTokens,
    cacheWriteTokens,
    cacheWrite1hTokens: stated.cacheWrite1hTokens,
    reasoningTokens: reasoning,
    inputAudioTokens: stated.inputAudioTokens,
    outputAudioTokens: stated.outputAudioTokens,
    webSearches: stated.webSearches,
  };
  if (total !== null && !proven) explainTotal(counts, total, total === input + output, rules, warnings);
  raiseTotals(counts, stated.units, warnings);
  return { counts, units: stated.units, inputRule: reading.isExclusive ? 'exclusive' : 'inclusive', warnings };
}

/** Both sides; one that is not stated is what the total leaves for it. */
function fillSides({ input, output, total }: StatedCounts, warnings: string[]): [input: number, output: number] {
  if (input !== null) return [input, output ?? 0];
  if (output === null && total !== null) warnings.push('The span states only a total: all of it is taken as input.');
  if (total !== null && total >= (output ?? 0)) return [total - (output ?? 0), output ?? 0];
  warnings.push('The span states no input tokens.');
  return [0, output ?? 0];
}

function explainTotal(
  counts: UsageCounts,
  total: number,
  isNaive: boolean,
  { hidesReasoning }: CountRules,
  warnings: string[],
): void {
  const sum = counts.inputTokens + counts.outputTokens;
  // Whoever adds up exclusive numbers without looking says nothing new.
  if (total === sum || isNaive) return;
  if (hidesReasoning && counts.reasoningTokens === 0 && total > sum) {
    counts.reasoningTokens = total - sum;
    counts.outputTokens += total - sum;
    warnings.push(`The span's total of ${total} tokens shows ${total - sum} of reasoning that its output leaves out.`);
  } else warnings.push(`The span's total of ${total} tokens is not what its parts add up to, ${sum}.`);
}

function raiseTotals(counts: UsageCounts, units: UsageUnits, warnings: string[]): void {
  const raise = (side: 'inputTokens' | 'outputTokens', part: number, noun: string) => {
    if (part <= counts[side]) return;
    const total = side === 'inputTokens' ? 'input' : 'output';
    warnings.push(`The span's ${noun} tokens (${part}) are more than its ${total} tokens (${counts[side]}): raised.`);
    counts[side] = part;
  };
  raise('outputTokens', counts.reasoningTokens, 'reasoning');
  raise('inputTokens', counts.inputAudioTokens, 'audio input');
  raise('outputTokens', counts.outputAudioTokens, 'audio output');
  raise('inputTokens', units.input_image_tokens ?? 0, 'image input');
  raise('outputTokens', units.output_image_tokens ?? 0, 'image output');
  raise('inputTokens', units.input_video_tokens ?? 0, 'video input');
  raise('outputTokens', units.output_video_tokens ?? 0, 'video output');
}
