import { COUNT_MESSAGE, isEventCount } from '../../input/event-count.ts';
import { countsOf, type UsageCounts } from '../../pricing/price/usage-counts.ts';
import { TOKEN_NAMES } from '../names/genai-attributes.ts';
import type { Attributes } from '../wire/otlp-span.ts';

/**
 * How a span's input was read: with its cached tokens inside it, or beside it and therefore added.
 */
export type InputRule = 'inclusive' | 'exclusive';

export interface SpanTokens {
  counts: UsageCounts;
  inputRule: InputRule;
}

const WHOLE_NUMBER = /^\d{1,16}(?:\.0+)?$/;
const XAI = 'x-ai';

/**
 * The counts of a span in the normal form, or a text saying why they cannot be used. Cached tokens
 * are inside the input by the conventions; where they are more than it, the instrumentation has
 * copied Anthropic's or Bedrock's exclusive number, and they are added. `isExclusive` says so
 * beforehand, for a source that is known to do it. There is no 1-hour split in the conventions.
 * Reasoning above the output is refused but for xAI, whose output leaves it out.
 */
export function readTokens(attributes: Attributes, provider: string, isExclusive: boolean): SpanTokens | string {
  const bad: string[] = [];
  const read = (measure: keyof typeof TOKEN_NAMES): number => {
    const name = TOKEN_NAMES[measure].find((candidate) => attributes.has(candidate));
    if (name === undefined) return 0;
    const value = attributes.get(name);
    const count = typeof value === 'string' && WHOLE_NUMBER.test(value) ? Number(value) : value;
    if (isEventCount(count)) return count + 0;
    bad.push(`${name} ${COUNT_MESSAGE}`);
    return 0;
  };
  const [stated, cacheReadTokens, cacheWriteTokens] = [
    read('inputTokens'),
    read('cacheReadTokens'),
    read('cacheWriteTokens'),
  ];
  const [output, reasoningTokens] = [read('outputTokens'), read('reasoningTokens')];
  const [inputAudioTokens, outputAudioTokens] = [read('inputAudioTokens'), read('outputAudioTokens')];
  if (bad[0] !== undefined) return bad[0];
  if (!TOKEN_NAMES.inputTokens.some((name) => attributes.has(name))) return 'it has no input tokens';

  const cached = cacheReadTokens + cacheWriteTokens;
  const inputRule = cached > stated || (isExclusive && cached > 0) ? 'exclusive' : 'inclusive';
  const inputTokens = inputRule === 'exclusive' ? stated + cached : stated;
  const outputTokens = provider === XAI && reasoningTokens > output ? output + reasoningTokens : output;
  if (!Number.isSafeInteger(inputTokens) || !Number.isSafeInteger(outputTokens)) return 'its tokens add up to too many';
  if (reasoningTokens > outputTokens) return 'its reasoning tokens are more than its output tokens';
  if (inputAudioTokens > inputTokens || outputAudioTokens > outputTokens)
    return 'its audio tokens are more than its tokens';
  const audio = { inputAudioTokens, outputAudioTokens };
  return {
    counts: countsOf({ inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, reasoningTokens, ...audio }),
    inputRule,
  };
}

/**
 * Whether the span says anything about tokens; a failed call, or a stream without usage, does not.
 */
export function hasTokens(attributes: Attributes): boolean {
  return [TOKEN_NAMES.inputTokens, TOKEN_NAMES.outputTokens].flat().some((name) => attributes.has(name));
}
