import { randomBytes } from 'node:crypto';

// Sends one GenAI span as an OpenTelemetry exporter does (OTLP/HTTP, JSON). An application that is
// instrumented already needs no code: set OTEL_EXPORTER_OTLP_ENDPOINT and
// OTEL_EXPORTER_OTLP_HEADERS instead, see the README.
//
// KEY=$(cat .meterr/api-key) node examples/otlp.ts

const METERR_URL = process.env.METERR_URL ?? 'http://127.0.0.1:4000';
const CLIENT_KIND = 3;
const CALL_MS = 1_200;

/** Key and value as OTLP spells them: 64-bit integers are strings in its JSON. */
function attribute(key: string, value: string | number) {
  return { key, value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value } };
}

const endNanos = BigInt(Date.now()) * 1_000_000n;
const span = {
  traceId: randomBytes(16).toString('hex'),
  spanId: randomBytes(8).toString('hex'),
  name: 'chat claude-sonnet-4-5',
  kind: CLIENT_KIND,
  startTimeUnixNano: String(endNanos - BigInt(CALL_MS) * 1_000_000n),
  endTimeUnixNano: String(endNanos),
  attributes: [
    attribute('gen_ai.operation.name', 'chat'),
    attribute('gen_ai.provider.name', 'anthropic'),
    attribute('gen_ai.request.model', 'claude-sonnet-4-5'),
    attribute('gen_ai.response.model', 'claude-sonnet-4-5-20250929'),
    // By the conventions the input includes what was read from the cache.
    attribute('gen_ai.usage.input_tokens', 7_000),
    attribute('gen_ai.usage.cache_read.input_tokens', 6_000),
    attribute('gen_ai.usage.output_tokens', 500),
  ],
};
const request = {
  resourceSpans: [
    {
      // `service.name` and `deployment.environment.name` become the tags `service` and `env`.
      resource: {
        attributes: [attribute('service.name', 'checkout'), attribute('deployment.environment.name', 'production')],
      },
      scopeSpans: [{ scope: { name: 'meterr-example' }, spans: [span] }],
    },
  ],
};

const response = await fetch(`${METERR_URL}/v1/traces`, {
  method: 'POST',
  headers: { Authorization: `Bearer ${process.env.KEY}`, 'Content-Type': 'application/json' },
  body: JSON.stringify(request),
});
if (!response.ok) throw new Error(`Meterr answered ${response.status}: ${await response.text()}`);

// A span that cannot be recorded does not fail the request: it is counted here, with the reason.
const { partialSuccess }: { partialSuccess?: { rejectedSpans: string; errorMessage: string } } = await response.json();
if (partialSuccess) throw new Error(`${partialSuccess.rejectedSpans} rejected: ${partialSuccess.errorMessage}`);
console.log(`Recorded the span as event ${span.traceId}:${span.spanId}`);
