/**
 * The attribute names of each count, in order of precedence: the newest convention, v1.37 to v1.44,
 * older ones, then the dialects (OpenLLMetry, Sentry, Strands, pydantic-ai, LiveKit, LangWatch,
 * OpenLIT, LangSmith, Vercel AI SDK, OpenInference). They are synonyms: the first that is present
 * counts, and they are never added up. Names that end in a part of `..._token_details.` come from
 * the JSON text of that attribute.
 */
export const TOKEN_NAMES = {
  inputTokens: [
    'gen_ai.usage.input_tokens',
    'gen_ai.usage.prompt_tokens',
    'ai.usage.inputTokens',
    'ai.usage.promptTokens',
    'ai.usage.tokens',
    'llm.token_count.prompt',
    'llm.usage.prompt_tokens',
    'llm.usage.input_tokens',
  ],
  outputTokens: [
    'gen_ai.usage.output_tokens',
    'gen_ai.usage.completion_tokens',
    'ai.usage.outputTokens',
    'ai.usage.completionTokens',
    'llm.token_count.completion',
    'llm.usage.completion_tokens',
    'llm.usage.output_tokens',
  ],
  cacheReadTokens: [
    'gen_ai.usage.cache_read.input_tokens',
    'gen_ai.usage.cache_read_input_tokens',
    'gen_ai.usage.input_tokens.cached',
    'gen_ai.usage.input_cached_tokens',
    'gen_ai.usage.cached_input_tokens',
    'gen_ai.usage.cached_tokens',
    'gen_ai.usage.cache_read_tokens',
    'gen_ai.usage.details.cache_read_tokens',
    'gen_ai.usage.details.cache_read_input_tokens',
    'gen_ai.usage.details.cached_tokens',
    'gen_ai.usage.details.cached_content_tokens',
    'gen_ai.usage.prompt_tokens_details.cache_read',
    'gen_ai.usage.prompt_tokens_details.cached_tokens',
    'gen_ai.usage.input_tokens_details.cached_tokens',
    'gen_ai.usage.input_token_details.cache_read',
    'gen_ai.usage.input_token_details.cached_tokens',
    'llm.usage.cache_read_input_tokens',
    'ai.usage.inputTokenDetails.cacheReadTokens',
    'ai.usage.cachedInputTokens',
    'llm.token_count.prompt_details.cache_read',
  ],
  cacheWriteTokens: [
    'gen_ai.usage.cache_write.input_tokens',
    'gen_ai.usage.cache_creation.input_tokens',
    'gen_ai.usage.cache_creation_input_tokens',
    'gen_ai.usage.cache_write_input_tokens',
    'gen_ai.usage.input_tokens.cache_write',
    'gen_ai.usage.input_tokens.cache_creation',
    'gen_ai.usage.cache_write_tokens',
    'gen_ai.usage.cache_creation_tokens',
    'gen_ai.usage.details.cache_write_tokens',
    'gen_ai.usage.details.cache_creation_input_tokens',
    'gen_ai.usage.details.cache_creation_tokens',
    'gen_ai.usage.prompt_tokens_details.cache_write',
    'gen_ai.usage.prompt_tokens_details.cache_creation_tokens',
    'gen_ai.usage.input_token_details.cache_creation',
    'gen_ai.usage.input_token_details.cache_write',
    'llm.usage.cache_creation_input_tokens',
    'ai.usage.inputTokenDetails.cacheWriteTokens',
    'llm.token_count.prompt_details.cache_write',
  ],
  cacheWrite1hTokens: [
    'gen_ai.usage.cache_write.1h.input_tokens',
    'gen_ai.usage.cache_creation.ephemeral_1h_input_tokens',
    'gen_ai.usage.details.ephemeral_1h_input_tokens',
    'gen_ai.usage.details.cache_write_1h_tokens',
    'gen_ai.usage.input_token_details.ephemeral_1h_input_tokens',
  ],
  reasoningTokens: [
    'gen_ai.usage.reasoning.output_tokens',
    'gen_ai.usage.reasoning_tokens',
    'gen_ai.usage.reasoning_output_tokens',
    'gen_ai.usage.output_tokens.reasoning',
    'gen_ai.usage.output_reasoning_tokens',
    'gen_ai.usage.thoughts_token_count',
    'gen_ai.usage.thoughts_tokens',
    'gen_ai.usage.details.reasoning_tokens',
    'gen_ai.usage.details.thoughts_tokens',
    'gen_ai.usage.completion_tokens_details.reasoning',
    'gen_ai.usage.completion_tokens_details.reasoning_tokens',
    'gen_ai.usage.output_tokens_details.reasoning_tokens',
    'gen_ai.usage.output_token_details.reasoning',
    'gen_ai.usage.output_token_details.reasoning_tokens',
    'llm.usage.reasoning_tokens',
    'ai.usage.outputTokenDetails.reasoningTokens',
    'ai.usage.reasoningTokens',
    'llm.token_count.completion_details.reasoning',
    'thoughts_token_count',
  ],
  inputAudioTokens: [
    'gen_ai.usage.audio.input_tokens',
    'gen_ai.usage.input_audio_tokens',
    'gen_ai.usage.input_tokens.audio',
    'gen_ai.usage.details.input_audio_tokens',
    'gen_ai.usage.prompt_tokens_details.audio',
    'gen_ai.usage.prompt_tokens_details.audio_tokens',
    'gen_ai.usage.input_token_details.audio',
    'llm.token_count.prompt_details.audio',
  ],
  outputAudioTokens: [
    'gen_ai.usage.audio.output_tokens',
    'gen_ai.usage.output_audio_tokens',
    'gen_ai.usage.output_tokens.audio',
    'gen_ai.usage.details.output_audio_tokens',
    'gen_ai.usage.completion_tokens_details.audio',
    'gen_ai.usage.completion_tokens_details.audio_tokens',
    'gen_ai.usage.output_token_details.audio',
    'llm.token_count.completion_details.audio',
  ],
  webSearches: [
    'gen_ai.usage.server_tool_use.web_search_requests',
    'gen_ai.usage.web_search_requests',
    'gen_ai.usage.details.web_search_requests',
  ],
} as const;

/** Input and output together: it proves what the two include. */
export const TOTAL_NAMES = [
  'gen_ai.usage.total_tokens',
  'llm.usage.total_tokens',
  'ai.usage.totalTokens',
  'llm.token_count.total',
  'total_token_count',
] as const;

/** The names of `units` that spans tell, each a part of its total. */
export const UNIT_NAMES = {
  input_image_tokens: [
    'gen_ai.usage.image.input_tokens',
    'gen_ai.usage.input_image_tokens',
    'gen_ai.usage.input_token_details.image',
    'llm.token_count.prompt_details.image',
  ],
  output_image_tokens: [
    'gen_ai.usage.image.output_tokens',
    'gen_ai.usage.output_image_tokens',
    'gen_ai.usage.output_token_details.image',
    'llm.token_count.completion_details.image',
  ],
  input_video_tokens: ['gen_ai.usage.video.input_tokens', 'gen_ai.usage.input_video_tokens'],
  output_video_tokens: ['gen_ai.usage.video.output_tokens', 'gen_ai.usage.output_video_tokens'],
  cache_audio_read_tokens: [
    'gen_ai.usage.audio.cache_read.input_tokens',
    'gen_ai.usage.cache_audio_read_tokens',
    'gen_ai.usage.details.cache_audio_read_tokens',
    'gen_ai.usage.input_cached_audio_tokens',
  ],
  cache_image_read_tokens: ['gen_ai.usage.image.cache_read.input_tokens'],
  cache_video_read_tokens: ['gen_ai.usage.video.cache_read.input_tokens'],
} as const;

/** Attributes that hold a JSON object of counts; LangSmith's and Langfuse's. */
export const DETAIL_NAMES = {
  input: 'gen_ai.usage.input_token_details',
  output: 'gen_ai.usage.output_token_details',
  langfuse: 'langfuse.observation.usage_details',
} as const;

/** What Claude Code calls the counts of its own span; its input excludes both caches. */
export const CLAUDE_CODE_NAMES: Readonly<Record<keyof typeof TOKEN_NAMES, readonly string[]>> = {
  inputTokens: ['input_tokens', ...TOKEN_NAMES.inputTokens],
  outputTokens: ['output_tokens', ...TOKEN_NAMES.outputTokens],
  cacheReadTokens: ['cache_read_tokens', ...TOKEN_NAMES.cacheReadTokens],
  cacheWriteTokens: ['cache_creation_tokens', ...TOKEN_NAMES.cacheWriteTokens],
  cacheWrite1hTokens: TOKEN_NAMES.cacheWrite1hTokens,
  reasoningTokens: TOKEN_NAMES.reasoningTokens,
  inputAudioTokens: TOKEN_NAMES.inputAudioTokens,
  outputAudioTokens: TOKEN_NAMES.outputAudioTokens,
  webSearches: TOKEN_NAMES.webSearches,
};
