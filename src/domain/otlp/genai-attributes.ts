/**
 * The names of one measure, in the order they are asked for: newest convention, v1.37-v1.44, older,
 * then the dialects (OpenLLMetry, Sentry, Vercel AI SDK, OpenInference). They are synonyms: the
 * first that is present counts, none is summed. `llm.cost.*` is not among them: the instrumentation
 * computes it from a price list, so it is not a charge.
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

/** The names of a call's string attributes, in the order in which they are tried. */
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

/** The names that say what kind of span it is. */
export const KIND_NAMES = {
  operation: 'gen_ai.operation.name',
  aiSdk: 'ai.operationId',
  openInference: 'openinference.span.kind',
  openLlmetryRequest: 'llm.request.type',
  openLlmetrySpan: 'traceloop.span.kind',
  sentry: 'sentry.op',
} as const;

/**
 * Everything that is read of a span or its resource; all else, above all messages, is dropped as it
 * is decoded.
 */
export const READ_NAMES: ReadonlySet<string> = new Set([
  ...Object.values(TOKEN_NAMES).flat(),
  ...Object.values(WORD_NAMES).flat(),
  ...Object.values(KIND_NAMES),
]);
