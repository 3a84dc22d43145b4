import type { DecodedCounts } from '../source/decoded-counts.ts';
import {
  addCounts,
  addProblem,
  type FoundCount,
  hasAny,
  readCount,
  requireCount,
  type Source,
  sumCounts,
} from '../source/read-count.ts';

/**
 * Bedrock Converse `usage`: cache reads and writes stand outside `inputTokens`. Whether
 * `totalTokens` counts them is unconfirmed, so both are accepted.
 */
export function decodeBedrockConverse(source: Source): DecodedCounts {
  if (hasAny(source.fields, 'cachedInputTokens', 'inputTokenDetails', 'reasoningTokens', 'outputTokenDetails')) {
    const message = "looks like the AI SDK's usage, whose inputTokens hold cache for some providers and not for others";
    addProblem(source, source.path, `${message}: send the provider's own usage object`);
  }
  const raw = requireCount(source, 'inputTokens');
  const output = readCount(source, 'outputTokens');
  const cacheRead = readCount(source, 'cacheReadInputTokens', 'cacheReadInputTokenCount');
  const stated = readCount(source, 'cacheWriteInputTokens', 'cacheWriteInputTokenCount');
  const cacheWrite = stated.given ? stated : sumCounts(source, 'cacheDetails', 'inputTokens', () => true);
  const input = addCounts(raw, cacheRead, cacheWrite);
  const total = readCount(source, 'totalTokens');
  const fits = [raw, input].some((count) => count.value + output.value === total.value);
  if (total.given && !fits) {
    source.warnings.push(`${total.path} is ${total.value}, but its parts add up to ${input.value + output.value}`);
  }
  return {
    inputTokens: input,
    outputTokens: output,
    cacheReadTokens: cacheRead,
    cacheWriteTokens: cacheWrite,
    cacheWrite1hTokens: sumCounts(source, 'cacheDetails', 'inputTokens', (item) => item.ttl === '1h'),
  };
}

/** Llama as Bedrock's InvokeModel returns it: two counts at the top of the body. */
export function decodeBedrockLlama(source: Source): DecodedCounts {
  return {
    inputTokens: readCount(source, 'prompt_token_count'),
    outputTokens: readCount(source, 'generation_token_count'),
  };
}

/** Titan and its embeddings as Bedrock's InvokeModel returns them. */
export function decodeBedrockTitan(source: Source): DecodedCounts {
  const results = sumCounts(source, 'results', 'tokenCount', () => true);
  return {
    inputTokens: requireCount(source, 'inputTextTokenCount'),
    outputTokens: addCounts(readCount(source, 'totalOutputTextTokenCount'), results),
  };
}

/** What Bedrock appends to the last chunk of an InvokeModel stream; disjoint, as Converse is. */
export function decodeBedrockMetrics(source: Source): DecodedCounts {
  const cacheRead: FoundCount = readCount(source, 'cacheReadInputTokenCount');
  const cacheWrite: FoundCount = readCount(source, 'cacheWriteInputTokenCount');
  return {
    inputTokens: addCounts(requireCount(source, 'inputTokenCount'), cacheRead, cacheWrite),
    outputTokens: readCount(source, 'outputTokenCount'),
    cacheReadTokens: cacheRead,
    cacheWriteTokens: cacheWrite,
  };
}
