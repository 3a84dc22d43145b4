import type { DecodedCounts, FoundUnits } from '../source/decoded-counts.ts';
import {
  addCounts,
  type FoundCount,
  hasAny,
  readCount,
  readRounded,
  requireCount,
  type Source,
  toText,
} from '../source/read-count.ts';
import { placeReasoning } from './place-reasoning.ts';

/**
 * The Chat Completions family: OpenAI Chat and embeddings, Mistral, Groq, DeepSeek, xAI,
 * OpenRouter, Together, and LiteLLM, which rewrites Anthropic's numbers to this form.
 * `prompt_tokens` includes every cached token; `completion_tokens` includes reasoning, but for xAI
 * and for Perplexity's deep research.
 */
export function decodeOpenaiChat(source: Source): DecodedCounts {
  const input = readInput(source);
  const { output, reasoning } = readOutput(source, input);
  checkCacheMiss(source, input.value);
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
      'prompt_tokens_details.cache_creation_input_tokens',
      'prompt_tokens_details.cache_write_input_tokens',
      'prompt_token_details.cache_creation_input_tokens',
      'cache_creation_input_tokens',
      'cache_write_tokens',
    ),
    cacheWrite1hTokens: readCount(
      source,
      'prompt_tokens_details.cache_creation_token_details.ephemeral_1h_input_tokens',
      'prompt_tokens_details.cache_creation.ephemeral_1h_input_tokens',
      'cache_creation.ephemeral_1h_input_tokens',
    ),
    inputAudioTokens: readCount(source, 'prompt_tokens_details.audio_tokens', 'prompt_token_details.audio_tokens'),
    outputAudioTokens: readCount(source, 'completion_tokens_details.audio_tokens'),
    webSearches: isDeepResearch(source)
      ? readCount(source, 'num_search_queries')
      : readCount(
          source,
          'server_tool_use_details.web_search_requests',
          'server_tool_use.web_search_requests',
          'prompt_tokens_details.web_search_requests',
        ),
    units: readUnits(source),
  };
}

function readUnits(source: Source): FoundUnits {
  const { fields } = source;
  const units: FoundUnits = {};
  if (hasAny(fields, 'prompt_tokens_details', 'prompt_token_details')) {
    units.input_image_tokens = readCount(
      source,
      'prompt_tokens_details.image_tokens',
      'prompt_token_details.image_tokens',
    );
    units.input_video_tokens = readCount(source, 'prompt_tokens_details.video_tokens');
    units.cache_audio_read_tokens = readCount(source, 'prompt_tokens_details.cached_tokens_details.audio_tokens');
    units.cache_image_read_tokens = readCount(source, 'prompt_tokens_details.cached_tokens_details.image_tokens');
  }
  if (hasAny(fields, 'completion_tokens_details')) {
    units.output_image_tokens = readCount(source, 'completion_tokens_details.image_tokens');
    units.output_video_tokens = readCount(source, 'completion_tokens_details.video_tokens');
  }
  if (hasAny(fields, 'citation_tokens')) units.output_citation_tokens = readCount(source, 'citation_tokens');
  // Mistral's Voxtral: audio is charged by the second.
  if (hasAny(fields, 'prompt_audio_seconds')) units.input_audio_seconds = readRounded(source, 'prompt_audio_seconds');
  return units;
}

/**
 * The prompt. Mistral's connectors read pages into it that `prompt_tokens` leaves out; they are in
 * the total.
 */
function readInput(source: Source): FoundCount {
  const prompt = requireCount(source, 'prompt_tokens');
  const connectors = readCount(source, 'connector_tokens');
  if (connectors.value === 0) return prompt;
  const total = readCount(source, 'total_tokens');
  const isInside = total.given && total.value === prompt.value + readCount(source, 'completion_tokens').value;
  return isInside ? prompt : addCounts(prompt, connectors);
}

/**
 * Perplexity's deep research reports reasoning, citations and searches beside the completion, at the
 * top of its usage, and leaves them out of the total.
 */
function isDeepResearch({ fields, provider }: Source): boolean {
  const isPerplexity = provider === 'perplexity' || hasAny(fields, 'citation_tokens');
  return isPerplexity && hasAny(fields, 'reasoning_tokens', 'citation_tokens');
}

/** Whether thinking may be hidden in the total: Google's models in this form leave it out of the rest. */
function isGemini({ provider, model, body }: Source): boolean {
  return provider.startsWith('google') || /gemini/i.test(`${model ?? ''} ${toText(body?.model) ?? ''} ${provider}`);
}

function readOutput(source: Source, input: FoundCount): { output: FoundCount; reasoning: FoundCount } {
  const completion = readCount(source, 'completion_tokens');
  const total = readCount(source, 'total_tokens');
  const reasoning = readCount(source, 'completion_tokens_details.reasoning_tokens', 'reasoning_tokens');
  if (isDeepResearch(source)) {
    // The newer form has them inside the completion, under its details.
    const isBeside = hasAny(source.fields, 'reasoning_tokens');
    return { output: isBeside ? addCounts(completion, reasoning) : completion, reasoning };
  }
  const hidden = total.value - input.value - completion.value;
  if (reasoning.value === 0 && hidden > 0 && completion.given && isGemini(source)) {
    const thinking = { value: hidden, path: total.path, given: true };
    source.warnings.push(`${total.path} shows ${hidden} tokens of thinking beside the output; added`);
    return { output: addCounts(completion, thinking), reasoning: thinking };
  }
  const rule = source.provider === 'xai' ? 'beside' : 'inside';
  return { output: placeReasoning(source, rule, { input, output: completion, reasoning, total }), reasoning };
}

/** DeepSeek: prompt = cache hit + cache miss. */
function checkCacheMiss(source: Source, prompt: number): void {
  const hit = readCount(source, 'prompt_cache_hit_tokens');
  const miss = readCount(source, 'prompt_cache_miss_tokens');
  if (!hit.given || !miss.given || hit.value + miss.value === prompt) return;
  source.warnings.push(`${hit.path} + prompt_cache_miss_tokens is ${hit.value + miss.value}, not ${prompt}`);
}
