/**
 * Gateways: they pass a call on to the provider that their model name begins with (`openai/gpt-4o`)
 * and charge what that provider charges. Keys as in `provider-name.ts`.
 */
const GATEWAYS: ReadonlySet<string> = new Set(
  `litellm litellm-proxy litellm-gateway vercel vercel-ai vercel-gateway vercel-ai-gateway gateway ai-gateway
  llm-gateway llmgateway cloudflare-ai-gateway cloudflare-gateway clf-ai-gateway portkey portkey-ai portkey-gateway
  helicone helicone-gateway helicone-ai-gateway bifrost maxim-bifrost kong kong-ai kong-gateway kong-ai-gateway
  envoy-ai-gateway truefoundry tensorzero braintrust braintrust-proxy mlflow mlflow-gateway mlflow-ai-gateway
  databricks-ai-gateway langdb requesty unify any-llm anyllm any-llm-gateway aisuite one-api new-api proxy llm-proxy`.split(
    /\s+/,
  ),
);

/** Libraries that write their own name where the provider's belongs. They call any provider. */
const FRAMEWORKS: ReadonlySet<string> = new Set(
  `langchain langchain-core langgraph llamaindex llama-index strands strands-agents crewai crew-ai autogen ag2
  microsoft-agent-framework agent-framework microsoft-agents-ai semantic-kernel microsoft-semantic-kernel haystack
  pydantic-ai pydanticai dspy gcp-vertex-agent google-adk adk openai-agents agno phidata smolagents mastra ai-sdk
  vercel-ai-sdk spring-ai langchain4j instructor guidance marvin promptflow traceloop openllmetry langfuse langsmith
  openinference arize phoenix logfire genkit griptape letta livekit pipecat browser-use beeai controlflow
  opentelemetry unknown`.split(/\s+/),
);

/** The Vercel AI SDK appends the API. */
const API_SUFFIX = /-(?:chat|responses|messages|completion|embedding|image)$/;

function keyOf(name: string): string {
  return name
    .toLowerCase()
    .replace(/[\s._/-]+/g, '-')
    .replace(API_SUFFIX, '');
}

/** Whether the name is that of a gateway, in any spelling. */
export function isGateway(provider: string): boolean {
  return GATEWAYS.has(keyOf(provider));
}

/** Whether the name is that of a library, which says nothing about who served the call. */
export function isFramework(provider: string): boolean {
  return FRAMEWORKS.has(keyOf(provider));
}
