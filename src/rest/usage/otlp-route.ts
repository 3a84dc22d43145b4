import { z } from '@hono/zod-openapi';
import type { Context } from '../../domain/context.ts';
import { encodeOtlpError, OTLP_CONTENT_TYPES } from '../../domain/otlp/wire/encode-otlp-response.ts';
import type { OtlpEncoding } from '../../domain/otlp/wire/otlp-span.ts';
import { AppError } from '../../platform/errors.ts';
import { mediaType, STREAM_LIMIT_BYTES } from '../../platform/http/http-body.ts';
import type { RestRequest } from '../http/request.ts';
import { type Route, route } from '../http/route.ts';

const ENCODINGS: ReadonlyMap<string, OtlpEncoding> = new Map([
  ['application/json', 'json'],
  ['application/x-protobuf', 'protobuf'],
]);

/** How OTLP/HTTP answers a failure. */
const rpcStatus = z
  .object({
    code: z.int().openapi({ description: 'A `google.rpc.Code`.', example: 3 }),
    message: z.string(),
  })
  .openapi('google.rpc.Status');

/** One signal of OTLP/HTTP: `traces`, `logs` or `metrics`. */
export interface OtlpSignal {
  name: string;
  operationId: string;
  summary: string;
  description: string;
  /** The name of its request and answer in the protocol: `ExportTraceService`. */
  service: string;
  /** The list that a request has: `resourceSpans`. */
  list: string;
  /** What `partialSuccess` counts; null where nothing is ever refused. */
  refused: string | null;
  answered: string;
  /** Takes a body, decompressed, and answers in its encoding. */
  take(context: Context, body: Uint8Array, encoding: OtlpEncoding): Promise<Uint8Array> | Uint8Array;
}

function encodingOf(request: RestRequest, name: string): OtlpEncoding {
  const encoding = ENCODINGS.get(mediaType(request.header('content-type')));
  if (encoding) return encoding;
  throw new AppError('unsupported_media_type', `Send ${name} as ${[...ENCODINGS.keys()].join(' or ')}.`);
}

function answerOf(refused: string | null) {
  if (refused === null) return z.object({});
  const partialSuccess = z.object({ [refused]: z.string(), errorMessage: z.string() });
  return z.object({ partialSuccess: partialSuccess.optional() });
}

/**
 * Makes the route of a signal: JSON or protobuf, gzip or plain, and failures as OTLP has them, in the
 * request's own encoding. The one kind of route that calls a verb of the domain: see decision 0065.
 */
export function otlpRoute(signal: OtlpSignal): Route {
  return route({
    method: 'post',
    path: `/v1/${signal.name}`,
    operationId: signal.operationId,
    summary: signal.summary,
    description: signal.description,
    tag: 'Usage',
    scope: 'usage:write',
    ownIdempotency: true,
    operation: null,
    documentedBody: z
      .looseObject({ [signal.list]: z.array(z.looseObject({})).optional() })
      .openapi(`${signal.service}Request`),
    otherMedia: { 'application/x-protobuf': '(binary)', 'application/json': `{"${signal.list}": []}` },
    otherAnswers: ['application/x-protobuf'],
    success: [
      {
        status: 200,
        description: signal.answered,
        schema: answerOf(signal.refused).openapi(`${signal.service}Response`),
      },
    ],
    errors: [400],
    failureContent: { 'application/json': rpcStatus, 'application/x-protobuf': rpcStatus },
    encodeFailure({ status, headers, body }, request) {
      const encoding = ENCODINGS.get(mediaType(request.header('content-type'))) ?? 'json';
      const content = new Uint8Array(encodeOtlpError(encoding, status, body.error.message));
      return { status, headers: { ...headers, 'Content-Type': OTLP_CONTENT_TYPES[encoding] }, body: content };
    },
    async runVerb(context, request) {
      const encoding = encodingOf(request, signal.name);
      const answer = await signal.take(context, await request.bytes(STREAM_LIMIT_BYTES), encoding);
      return {
        status: 200,
        body: null,
        raw: { contentType: OTLP_CONTENT_TYPES[encoding], content: new Uint8Array(answer) },
      };
    },
  });
}
