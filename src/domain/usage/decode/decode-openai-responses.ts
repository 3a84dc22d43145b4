import type { DecodedCounts } from './decoded-counts.ts';
import { placeReasoning } from './place-reasoning.ts';
import { addProblem, readCount, requireCount, type Source, toFields } from './read-count.ts';

/**
 * OpenAI's `input_tokens` family: Responses, images and transcription (`input_tokens_details`),
 * realtime (`input_token_details`), xAI Responses, and two bare counts with nothing beside them.
 * Every cached token is inside `input_tokens`. LangChain's `usage_metadata` has the same convention
 * under shorter names.
 */
export function decodeOpenaiResponses(source: Source): DecodedCounts {
  const input = requireCount(source, 'input_tokens');
  const raw = readCount(source, 'output_tokens');
  const total = readCount(source, 'total_tokens');
  const reasoning = readCount(
    source,
    'output_tokens_details.reasoning_tokens',
    'output_tokens_details.thinking_tokens',
    'output_token_details.reasoning_tokens',
    'output_token_details.reasoning',
  );
  const rule = source.provider === 'xai' ? 'unknown' : 'inside';
  const cacheRead = readCount(
    source,
    'input_tokens_details.cached_tokens',
    'input_token_details.cached_tokens',
    'input_token_details.cache_read',
  );
  const cacheWrite = readCount(
    source,
    'input_tokens_details.cache_write_tokens',
    'input_token_details.cache_write_tokens',
    'input_token_details.cache_creation',
  );
  refuseMixedCache(source, cacheRead.value + cacheWrite.value);
  const longWrites = readCount(source, 'input_tokens_details.cache_write_tokens_details.ttl_12h_tokens');
  if (longWrites.value > 0) source.warnings.push(`${longWrites.path} has no price of its own: read as cache writes`);
  return {
    inputTokens: input,
    outputTokens: placeReasoning(source, rule, { input, output: raw, reasoning, total }),
    reasoningTokens: reasoning,
    cacheReadTokens: cacheRead,
    cacheWriteTokens: cacheWrite,
    inputAudioTokens: readCount(
      source,
      'input_tokens_details.audio_tokens',
      'input_token_details.audio_tokens',
      'input_token_details.audio',
    ),
    outputAudioTokens: readCount(
      source,
      'output_tokens_details.audio_tokens',
      'output_token_details.audio_tokens',
      'output_token_details.audio',
    ),
    webSearches: { value: countSearches(source), path: source.path, given: false },
  };
}

/**
 * Anthropic's cache fields stand outside `input_tokens`, these details inside: with both, nobody
 * can tell.
 */
function refuseMixedCache(source: Source, cached: number): void {
  const outside =
    readCount(source, 'cache_read_input_tokens').value + readCount(source, 'cache_creation_input_tokens').value;
  if (outside === 0 || outside === cached) return;
  const message = "mixes OpenAI's and Anthropic's cache counts, so what input_tokens holds cannot be known";
  addProblem(source, source.path, message);
}

/**
 * Responses does not count its web searches: each `search` action is an item of the output, and
 * billed.
 */
function countSearches(source: Source): number {
  const output: unknown = source.body?.output;
  if (!Array.isArray(output)) return 0;
  return output.filter((item) => {
    const fields = toFields(item);
    const action = toFields(fields?.action);
    return fields?.type === 'web_search_call' && (!action || action.type === 'search');
  }).length;
}
