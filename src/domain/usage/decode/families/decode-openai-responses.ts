import type { DecodedCounts, FoundUnits } from '../source/decoded-counts.ts';
import { type FoundCount, hasAny, readCount, requireCount, type Source } from '../source/read-count.ts';
import { countToolCalls } from './count-tool-calls.ts';
import { placeReasoning } from './place-reasoning.ts';

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
    'input_tokens_details.cache_creation_input_tokens',
    'input_tokens_details.cache_creation_tokens',
  );
  warnOfMixedCache(source, cacheRead.value + cacheWrite.value);
  const longWrites = readCount(source, 'input_tokens_details.cache_write_tokens_details.ttl_12h_tokens');
  const { webSearches, units } = countToolCalls(source);
  const output = placeReasoning(source, rule, { input, output: raw, reasoning, total });
  return {
    inputTokens: input,
    outputTokens: output,
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
    webSearches,
    units: { ...units, ...readModalities(source, output), cache_write_12h_tokens: longWrites },
  };
}

/**
 * Images and video, and what of the cache they and audio were: images (`input_tokens_details`) and
 * realtime (`input_token_details`). An answer of the image API that does not split its output is all
 * image.
 */
function readModalities(source: Source, output: FoundCount): FoundUnits {
  const { fields } = source;
  if (!hasAny(fields, 'input_tokens_details', 'input_token_details', 'output_tokens_details', 'output_token_details')) {
    return {};
  }
  const read = (side: 'input' | 'output', name: string) =>
    readCount(source, `${side}_tokens_details.${name}`, `${side}_token_details.${name}`);
  const images = read('output', 'image_tokens');
  return {
    input_image_tokens: read('input', 'image_tokens'),
    input_video_tokens: read('input', 'video_tokens'),
    output_image_tokens: !images.given && isImageAnswer(source) ? output : images,
    output_video_tokens: read('output', 'video_tokens'),
    cache_audio_read_tokens: read('input', 'cached_tokens_details.audio_tokens'),
    cache_image_read_tokens: read('input', 'cached_tokens_details.image_tokens'),
  };
}

/** Whether the body is what OpenAI's image API answers: `created` and a list of images. */
function isImageAnswer({ body, fields }: Source): boolean {
  const isText = hasAny(fields, 'output_tokens_details', 'output_token_details');
  return body !== null && Array.isArray(body.data) && 'created' in body && !isText;
}

/**
 * Anthropic's cache fields stand outside `input_tokens`, these details inside: with both, nobody
 * can tell what the input holds. It is read as these details say.
 */
function warnOfMixedCache(source: Source, cached: number): void {
  const outside =
    readCount(source, 'cache_read_input_tokens').value + readCount(source, 'cache_creation_input_tokens').value;
  if (outside === 0 || outside === cached) return;
  const message = "mixes OpenAI's and Anthropic's cache counts; input_tokens was read as OpenAI means it";
  source.warnings.push(`${source.path} ${message}`);
}
