import { COUNT_MESSAGE, isEventCount } from '../../input/event-count.ts';
import { CLAUDE_CODE_CALL } from '../names/kind-names.ts';
import { CLAUDE_CODE_NAMES, DETAIL_NAMES, TOKEN_NAMES, TOTAL_NAMES, UNIT_NAMES } from '../names/token-names.ts';
import type { Attributes, OtlpSpan } from '../wire/otlp-span.ts';
import { expandDetails, readJsonNumbers } from './json-counts.ts';
import { readLangfuseCounts } from './langfuse-counts.ts';
import { type SettledCounts, type StatedCounts, settleCounts } from './stated-counts.ts';

export interface SpanTokens extends SettledCounts {
  /** Input and output as the span states them: wrappers repeat or add up these. */
  statedInput: number;
  statedOutput: number;
}

const WHOLE_NUMBER = /^\d{1,16}(?:\.0+)?$/;
/** Whose output may leave reasoning out. */
const REASONING_BESIDE: ReadonlySet<string> = new Set(['x-ai', 'google', 'perplexity']);
const HIDES_REASONING = 'google';

type TokenNames = Readonly<Record<keyof typeof TOKEN_NAMES, readonly string[]>>;

/** Reads numbers by their names, and remembers what is wrong with them. */
function createReader(attributes: Attributes) {
  const bad: string[] = [];
  const check = (name: string, value: unknown): number => {
    const count = typeof value === 'string' && WHOLE_NUMBER.test(value) ? Number(value) : value;
    if (isEventCount(count)) return count + 0;
    bad.push(`${name} ${COUNT_MESSAGE}`);
    return 0;
  };
  const find = (names: readonly string[]): number | null => {
    const name = names.find((candidate) => attributes.has(candidate));
    return name === undefined ? null : check(name, attributes.get(name));
  };
  return { bad, check, find };
}

function readStated(attributes: Attributes, names: TokenNames): StatedCounts | string {
  const { bad, find } = createReader(attributes);
  const part = (measure: keyof TokenNames) => find(names[measure]) ?? 0;
  const units = Object.fromEntries(
    Object.entries(UNIT_NAMES).flatMap(([unit, unitNames]) => {
      const quantity = find(unitNames) ?? 0;
      return quantity > 0 ? [[unit, quantity]] : [];
    }),
  );
  const stated: StatedCounts = {
    input: find(names.inputTokens),
    output: find(names.outputTokens),
    total: find(TOTAL_NAMES),
    cacheReadTokens: part('cacheReadTokens'),
    cacheWriteTokens: part('cacheWriteTokens'),
    cacheWrite1hTokens: part('cacheWrite1hTokens'),
    reasoningTokens: part('reasoningTokens'),
    inputAudioTokens: part('inputAudioTokens'),
    outputAudioTokens: part('outputAudioTokens'),
    webSearches: part('webSearches'),
    units,
  };
  return bad[0] ?? stated;
}

interface Said {
  stated: StatedCounts;
  isExclusive: boolean;
}

/** What a span says in Langfuse's words, or a text saying why it cannot be used. */
function readLangfuse(attributes: Attributes): Said | string | null {
  const numbers = readJsonNumbers(attributes, DETAIL_NAMES.langfuse);
  if (numbers === null) return null;
  const { bad, check } = createReader(attributes);
  for (const [name, value] of numbers) check(`${DETAIL_NAMES.langfuse}.${name}`, value);
  if (bad[0] !== undefined) return bad[0];
  const stated = readLangfuseCounts(numbers);
  return stated && { stated, isExclusive: stated.isExclusive };
}

function readSaid({ name, attributes }: OtlpSpan): Said | string {
  const langfuse = readLangfuse(attributes);
  if (langfuse !== null) return langfuse;
  const isClaudeCode = name === CLAUDE_CODE_CALL;
  const stated = readStated(expandDetails(attributes), isClaudeCode ? CLAUDE_CODE_NAMES : TOKEN_NAMES);
  return typeof stated === 'string' ? stated : { stated, isExclusive: isClaudeCode };
}

/**
 * The counts of a span in the normal form, or a text saying why they cannot be used.
 * @param isExclusive the API key says that its spans' input leaves cached tokens out
 */
export function readTokens(span: OtlpSpan, provider: string, isExclusive: boolean): SpanTokens | string {
  const said = readSaid(span);
  if (typeof said === 'string') return said;
  const { stated } = said;
  const settled = settleCounts(stated, {
    isExclusive: isExclusive || said.isExclusive,
    isReasoningBeside: REASONING_BESIDE.has(provider),
    hidesReasoning: provider === HIDES_REASONING,
  });
  const { inputTokens, outputTokens } = settled.counts;
  if (!isEventCount(inputTokens) || !isEventCount(outputTokens)) return 'its tokens add up to too many';
  return { ...settled, statedInput: stated.input ?? inputTokens, statedOutput: stated.output ?? outputTokens };
}

const SIDES = [TOKEN_NAMES.inputTokens, TOKEN_NAMES.outputTokens, TOTAL_NAMES].flat();
const CLAUDE_CODE_SIDES = [CLAUDE_CODE_NAMES.inputTokens, CLAUDE_CODE_NAMES.outputTokens].flat();

/** Whether the span says anything about tokens; a stream without usage does not. */
export function hasTokens({ name, attributes }: OtlpSpan): boolean {
  const names = name === CLAUDE_CODE_CALL ? CLAUDE_CODE_SIDES : SIDES;
  if (names.some((one) => attributes.has(one))) return true;
  const numbers = readJsonNumbers(attributes, DETAIL_NAMES.langfuse);
  return numbers !== null && readLangfuseCounts(numbers) !== null;
}
