/**
 * The attribute names of each count, in order of precedence: the newest convention, v1.37 to v1.44,
 * older ones, then the dialects (OpenLLMetry, Sentry, Vercel AI SDK, OpenInference). They are
 * synonyms: the first that is present counts, and they are never added up. `llm.cost.*` is not
 * listed, because the instrumentation computes it from a price list; it is not a charge.
 */
export const TOKEN_NAMES = {
  inputTokens: [
    'gen_ai.usage.input_tokens',
    'gen_ai.usage.prompt_tokens',
    'ai.usage.inputTokens',
    'ai.usage.promptTokens',
    'ai.usage.tokens',
    'llm.token_count.prompt',
  ],
  outputTokens: [
    'gen_ai.usage.output_tokens',
    'gen_ai.usage.completion_tokens',
    'ai.usage.outputTokens',
    'ai.usage.completionTokens',
    'llm.token_count.completion',
  ],
  cacheReadTokens: [
    'gen_ai.usage.cache_read.input_tokens',
    'gen_ai.usage.cache_read_input_tokens',
    'gen_ai.usage.input_tokens.cached',
    'ai.usage.inputTokenDetails.cacheReadTokens',
    'ai.usage.cachedInputTokens',
    'llm.token_count.prompt_details.cache_read',
  ],
  cacheWriteTokens: [
    'gen_ai.usage.cache_write.input_tokens',
    'gen_ai.usage.cache_creation.input_tokens',
    'gen_ai.usage.cache_creation_input_tokens',
    'gen_ai.usage.input_tokens.cache_write',
    'ai.usage.inputTokenDetails.cacheWriteTokens',
    'llm.token_count.prompt_details.cache_write',
  ],
  reasoningTokens: [
    'gen_ai.usage.reasoning.output_tokens',
    'gen_ai.usage.reasoning_tokens',
    'gen_ai.usage.output_tokens.reasoning',
    'ai.usage.outputTokenDetails.reasoningTokens',
    'ai.usage.reasoningTokens',
    'llm.token_count.completion_details.reasoning',
  ],
  inputAudioTokens: ['gen_ai.usage.audio.input_tokens', 'llm.token_count.prompt_details.audio'],
  outputAudioTokens: ['gen_ai.usage.audio.output_tokens', 'llm.token_count.completion_details.audio'],
} as const;

/** The attribute names of each string that is read of a call, in order of precedence. */
export const WORD_NAMES = {
  responseModel: ['gen_ai.response.model', 'ai.response.model'],
  requestModel: ['gen_ai.request.model', 'ai.model.id', 'llm.model_name', 'embedding.model_name'],
  provider: ['gen_ai.provider.name', 'gen_ai.system', 'ai.model.provider', 'llm.provider', 'llm.system'],
  serverAddress: ['server.address'],
  responseId: ['gen_ai.response.id', 'ai.response.id'],
  responseTier: ['openai.response.service_tier', 'gen_ai.openai.response.service_tier'],
  requestTier: ['openai.request.service_tier', 'gen_ai.openai.request.service_tier'],
  errorType: ['error.type'],
  conversationId: ['gen_ai.conversation.id', 'session.id'],
  agent: ['gen_ai.agent.name'],
  promptName: ['gen_ai.prompt.name'],
  promptVersion: ['gen_ai.prompt.version'],
  userId: ['user.id', 'enduser.id', 'ai.telemetry.metadata.userId', 'traceloop.association.properties.user_id'],
  service: ['service.name'],
  environment: ['deployment.environment.name', 'deployment.environment'],
} as const;

/** The attribute names that identify the kind of a span. */
export const KIND_NAMES = {
  operation: 'gen_ai.operation.name',
  aiSdk: 'ai.operationId',
  openInference: 'openinference.span.kind',
  openLlmetryRequest: 'llm.request.type',
  openLlmetrySpan: 'traceloop.span.kind',
  sentry: 'sentry.op',
} as const;

/** The attributes that are read. The decoder drops all others, above all messages. */
export const READ_NAMES: ReadonlySet<string> = new Set([
  ...Object.values(TOKEN_NAMES).flat(),
  ...Object.values(WORD_NAMES).flat(),
  ...Object.values(KIND_NAMES),
]);
