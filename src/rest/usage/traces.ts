import { z } from '@hono/zod-openapi';
import { USAGE_LIMITS } from '../../domain/input/limits.ts';
import { collectSpanUsage, type RejectedSpan } from '../../domain/otlp/collect-usage.ts';
import { decodeOtlp } from '../../domain/otlp/wire/decode-otlp.ts';
import { encodeOtlpError, encodeOtlpResponse, OTLP_CONTENT_TYPES } from '../../domain/otlp/wire/encode-otlp-response.ts';
import type { SpanUsage } from '../../domain/otlp/genai-span.ts';
import type { OtlpEncoding } from '../../domain/otlp/wire/otlp-span.ts';
import { AppError, type ErrorCode } from '../../platform/errors.ts';
import { mediaType, STREAM_LIMIT_BYTES } from '../../platform/http/http-body.ts';
import { translateFailure } from '../http/errors.ts';
import { graphql } from '../http/graphql.ts';
import { operation } from '../http/operation.ts';
import type { RestRequest } from '../http/request.ts';
import { type Execute, route } from '../http/route.ts';

const ENCODINGS: ReadonlyMap<string, OtlpEncoding> = new Map([
  ['application/json', 'json'],
  ['application/x-protobuf', 'protobuf'],
]);
const MAX_MESSAGES = 5;

const recordSpans = operation(
  graphql(`
    mutation RecordSpans($input: RecordUsageBatchInput!) {
      recordUsageBatch(input: $input) { data { index status error { code message details } } }
    }
  `),
);

function encodingOf(request: RestRequest): OtlpEncoding {
  const encoding = ENCODINGS.get(mediaType(request.header('content-type')));
  if (encoding) return encoding;
  throw new AppError('unsupported_media_type', `Send traces as ${[...ENCODINGS.keys()].join(' or ')}.`);
}

function toInput({ event }: SpanUsage) {
  const { tags, metadata, timestamp, ...rest } = event;
  return { ...rest, tags, metadata, timestamp: timestamp.toISOString() };
}

/**
 * Records the calls of a request, a thousand at a time; what the ledger refuses is named like a bad
 * span.
 */
async function recordAll(execute: Execute, usages: readonly SpanUsage[]): Promise<RejectedSpan[]> {
  const rejected: RejectedSpan[] = [];
  // With none, the operation still says whether the key may record.
  for (let first = 0; first === 0 || first < usages.length; first += USAGE_LIMITS.batchEvents) {
    const chunk = usages.slice(first, first + USAGE_LIMITS.batchEvents);
    const { record_usage_batch: result } = await execute(recordSpans, { input: { events: chunk.map(toInput) } });
    for (const { index, status, error } of result.data) {
      if (status === 'created' || status === 'duplicate') continue;
      const said =
        error &&
        translateFailure({ code: error.code as ErrorCode, message: error.message, details: Object(error.details) });
      rejected.push({ spanId: chunk[index]?.spanId ?? '', message: said?.body.error.message ?? 'refused' });
    }
  }
  return rejected;
}

function describe(rejected: readonly RejectedSpan[]): string {
  const shown = rejected.slice(0, MAX_MESSAGES).map(({ spanId, message }) => `${spanId}: ${message}`);
  const more = rejected.length - shown.length;
  return shown.join('; ') + (more > 0 ? `; and ${more} more` : '');
}

/** How OTLP/HTTP answers a failure. */
const rpcStatus = z
  .object({
    code: z.int().openapi({ description: 'A `google.rpc.Code`.', example: 3 }),
    message: z.string(),
  })
  .openapi('google.rpc.Status');

const recordTraces = route({
  method: 'post',
  path: '/v1/traces',
  operationId: 'recordTraces',
  summary: 'Record usage from OpenTelemetry spans (OTLP/HTTP)',
  description:
    'Point `OTEL_EXPORTER_OTLP_ENDPOINT` at this server: GenAI spans become usage events, others are ignored. JSON or ' +
    'protobuf, gzip or plain. Message content is dropped before anything is stored.',
  tag: 'Usage',
  scope: 'usage:write',
  ownIdempotency: true,
  operation: recordSpans,
  documentedBody: z
    .looseObject({ resourceSpans: z.array(z.looseObject({})).optional() })
    .openapi('ExportTraceServiceRequest'),
  otherMedia: { 'application/x-protobuf': '(binary)', 'application/json': '{"resourceSpans": []}' },
  otherAnswers: ['application/x-protobuf'],
  success: [
    {
      status: 200,
      description: 'Accepted; `partialSuccess` counts the spans that were not.',
      schema: z
        .object({
          partialSuccess: z.object({ rejectedSpans: z.string(), errorMessage: z.string() }).optional(),
        })
        .openapi('ExportTraceServiceResponse'),
    },
  ],
  errors: [400],
  failureContent: { 'application/json': rpcStatus, 'application/x-protobuf': rpcStatus },
  /** As OTLP has failures: a `google.rpc.Status` in the request's own encoding. */
  encodeFailure({ status, headers, body }, request) {
    const encoding = ENCODINGS.get(mediaType(request.header('content-type'))) ?? 'json';
    const content = new Uint8Array(encodeOtlpError(encoding, status, body.error.message));
    return { status, headers: { ...headers, 'Content-Type': OTLP_CONTENT_TYPES[encoding] }, body: content };
  },
  async run({ request }, execute) {
    const encoding = encodingOf(request);
    const { events, rejected } = collectSpanUsage(decodeOtlp(await request.bytes(STREAM_LIMIT_BYTES), encoding));
    const refused = [...rejected, ...(await recordAll(execute, events))];
    const partial = refused.length > 0 ? { rejectedSpans: refused.length, errorMessage: describe(refused) } : null;
    const content = new Uint8Array(encodeOtlpResponse(encoding, partial));
    return { status: 200, body: null, raw: { contentType: OTLP_CONTENT_TYPES[encoding], content } };
  },
});

export const traceRoutes = [recordTraces];
