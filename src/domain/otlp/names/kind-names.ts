/** The attribute names that identify the kind of a span. */
export const KIND_NAMES = {
  operation: 'gen_ai.operation.name',
  aiSdk: 'ai.operationId',
  langfuse: 'langfuse.observation.type',
  langsmith: 'langsmith.span.kind',
  openInference: 'openinference.span.kind',
  openLlmetryRequest: 'llm.request.type',
  openLlmetrySpan: 'traceloop.span.kind',
  sentry: 'sentry.op',
} as const;

/** A span of a coding agent that has none of those. */
export const CLAUDE_CODE_CALL = 'claude_code.llm_request';
