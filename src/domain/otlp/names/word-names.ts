/** The attribute names of each string that is read of a call, in order of precedence. */
export const WORD_NAMES = {
  responseModel: ['gen_ai.response.model', 'ai.response.model', 'llm.response.model'],
  requestModel: [
    'gen_ai.request.model',
    'ai.model.id',
    'llm.model_name',
    'embedding.model_name',
    'llm.request.model',
    'ai.model_id',
    'langfuse.observation.model.name',
  ],
  provider: [
    'gen_ai.provider.name',
    'gen_ai.system',
    'gen_ai.model.provider',
    'ai.model.provider',
    'llm.provider',
    'llm.system',
    'llm.vendor',
  ],
  serverAddress: ['server.address'],
  responseId: ['gen_ai.response.id', 'ai.response.id', 'llm.response.id'],
  responseTier: ['openai.response.service_tier', 'gen_ai.openai.response.service_tier', 'gen_ai.response.service_tier'],
  requestTier: ['openai.request.service_tier', 'gen_ai.openai.request.service_tier', 'gen_ai.request.service_tier'],
  errorType: ['error.type'],
  promptName: ['gen_ai.prompt.name', 'langfuse.observation.prompt.name'],
  upstreamProvider: ['trace.metadata.openrouter.provider_name'],
  gatewayKey: ['trace.metadata.openrouter.api_key_name', 'metadata.user_api_key_alias'],
  copilotUnits: ['github.copilot.nano_aiu'],
  promptVersion: ['gen_ai.prompt.version', 'langfuse.observation.prompt.version'],
  agent: ['gen_ai.agent.name'],
  service: ['service.name'],
  environment: ['deployment.environment.name', 'deployment.environment', 'langfuse.environment'],
  team: ['meterr.team_id'],
  /** Who can be written to, then who the application names, then who an installation is. */
  user: [
    'user.email',
    'langfuse.user.id',
    'enduser.id',
    'gen_ai.user.id',
    'user.account_uuid',
    'user.account_id',
    'user.id',
    'cursor.user.id',
    'enduser.pseudo.id',
    'ai.telemetry.metadata.userId',
    'ai.telemetry.metadata.user_id',
    'ai.telemetry.metadata.userEmail',
    'traceloop.association.properties.user_id',
    'traceloop.association.properties.userId',
    'metadata.user_api_key_end_user_id',
    'metadata.user_api_key_user_email',
    'metadata.user_api_key_user_id',
    'llm.user',
  ],
  /** Each of these would be a sum of its own as a tag. */
  session: [
    'gen_ai.conversation.id',
    'session.id',
    'langfuse.session.id',
    'conversation.id',
    'thread.id',
    'gcp.vertex.agent.session_id',
    'ai.telemetry.metadata.sessionId',
    'ai.telemetry.metadata.session_id',
    'ai.telemetry.metadata.conversationId',
    'ai.telemetry.metadata.threadId',
    'traceloop.association.properties.session_id',
    'traceloop.association.properties.sessionId',
    'traceloop.association.properties.conversation_id',
    'traceloop.association.properties.thread_id',
    'traceloop.association.properties.chat_id',
    'langsmith.trace.session_id',
  ],
} as const;

/** Ids that no provider made, but that tell two spans of one call apart from others in a trace. */
export const CALL_ID_NAMES = { adkEvent: 'gcp.vertex.agent.event_id', claudeCodeRequest: 'request_id' } as const;

/** What somebody says that the call cost, computed from a price list of theirs. */
export const COST_NAMES = [
  'gen_ai.usage.cost',
  'gen_ai.usage.total_cost',
  'gen_ai.usage.cost_usd',
  'gen_ai.cost.total_cost',
  'gen_ai.cost.total',
  'llm.cost.total',
  'llm.usage.cost',
  'operation.cost',
  'cost_usd',
] as const;
/** What OpenRouter charged, where its Broadcast tells it. */
export const CHARGE_NAME = 'gen_ai.usage.total_cost';
/** A JSON object. */
export const LANGFUSE_COST_NAME = 'langfuse.observation.cost_details';

/** How gateways tell that an answer came from their own cache. */
export const CACHE_HIT_NAMES = [
  'litellm.cache_hit',
  'metadata.cache_hit',
  'kong.gen_ai.cache.status',
  'portkey.cache_status',
  'portkey.cache.status',
  'cf.aig.cache_status',
  'cf-aig-cache-status',
  'bifrost.cache.hit',
  'gen_ai.cache.hit',
  'gen_ai.cache.status',
  'gen_ai.cache_hit',
  'gen_ai.response.cache_hit',
  'gateway.cache.status',
] as const;
