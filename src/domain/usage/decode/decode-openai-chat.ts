import type { DecodedCounts } from './decoded-counts.ts';
import { placeReasoning } from './place-reasoning.ts';
import { readCount, requireCount, type Source } from './read-count.ts';

/**
 * The Chat Completions family: OpenAI Chat and embeddings, Mistral, Groq, DeepSeek, xAI,
 * OpenRouter, Together, and LiteLLM, which rewrites Anthropic's numbers to this form.
 * `prompt_tokens` includes every cached token; `completion_tokens` includes reasoning, but for xAI.
 */
export function decodeOpenaiChat(source: Source): DecodedCounts {
  const input = requireCount(source, 'prompt_tokens');
  const completion = readCount(source, 'completion_tokens');
  const total = readCount(source, 'total_tokens');
  const reasoning = readCount(source, 'completion_tokens_details.reasoning_tokens', 'reasoning_tokens');
  const rule = source.provider === 'xai' ? 'beside' : 'inside';
  const output = placeReasoning(source, rule, { input, output: completion, reasoning, total });
  checkCacheMiss(source, input.value);
  warnOfUnpriced(source);
  return {
    inputTokens: input,
    outputTokens: output,
    reasoningTokens: reasoning,
    cacheReadTokens: readCount(
      source,
      'prompt_tokens_details.cached_tokens',
      'prompt_token_details.cached_tokens',
      'prompt_cache_hit_tokens',
      'num_cached_tokens',
      'cached_tokens',
      'cache_read_input_tokens',
    ),
    cacheWriteTokens: readCount(
      source,
      'prompt_tokens_details.cache_write_tokens',
      'prompt_tokens_details.cache_creation_tokens',
      'cache_creation_input_tokens',
    ),
    cacheWrite1hTokens: readCount(
      source,
      'prompt_tokens_details.cache_creation_token_details.ephemeral_1h_input_tokens',
      'cache_creation.ephemeral_1h_input_tokens',
    ),
    inputAudioTokens: readCount(source, 'prompt_tokens_details.audio_tokens', 'prompt_token_details.audio_tokens'),
    outputAudioTokens: readCount(source, 'completion_tokens_details.audio_tokens'),
    webSearches: readCount(
      source,
      'server_tool_use_details.web_search_requests',
      'server_tool_use.web_search_requests',
      'prompt_tokens_details.web_search_requests',
    ),
  };
}

/** DeepSeek: prompt = cache hit + cache miss. */
function checkCacheMiss(source: Source, prompt: number): void {
  const hit = readCount(source, 'prompt_cache_hit_tokens');
  const miss = readCount(source, 'prompt_cache_miss_tokens');
  if (!hit.given || !miss.given || hit.value + miss.value === prompt) return;
  source.warnings.push(`${hit.path} + prompt_cache_miss_tokens is ${hit.value + miss.value}, not ${prompt}`);
}

function warnOfUnpriced(source: Source): void {
  const seconds: unknown = source.fields.prompt_audio_seconds;
  if (typeof seconds === 'number' && seconds > 0) {
    source.warnings.push(`${source.path}.prompt_audio_seconds is billed by the second and is not in the counts`);
  }
}
