// Copied to where the packages are, and run there.
import { createOpenAI } from '@ai-sdk/openai';
import { OpenTelemetry } from '@ai-sdk/otel';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { embed, embedMany, generateText, registerTelemetry, streamText } from 'ai';

const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ 'service.name': process.env.OTEL_SERVICE_NAME }),
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
});
provider.register();
registerTelemetry(new OpenTelemetry());

const openai = createOpenAI({ baseURL: `${process.env.MODEL_URL}/v1`, apiKey: 'none' });
const prompt = 'Why is the sky blue?';
await generateText({ model: openai.chat('gpt-4o-mini'), prompt });
await streamText({ model: openai.chat('gpt-4o-mini'), prompt }).consumeStream();
await generateText({ model: openai.responses('gpt-4o-mini'), prompt });
await streamText({ model: openai.responses('gpt-4o-mini'), prompt }).consumeStream();
await embed({ model: openai.embedding('text-embedding-3-small'), value: 'blue' });
await embedMany({ model: openai.embedding('text-embedding-3-small'), values: ['red'] });
await provider.shutdown();
