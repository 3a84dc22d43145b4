import { AppError } from '../../../platform/errors.ts';
import { parseExactNames } from '../../../platform/json/escaped-names.ts';
import { isObject } from '../../../platform/json/json.ts';
import { cutDeepJson, measureJson } from '../../../platform/json/json-depth.ts';
import { JSON_DEPTH, OTLP_LIMITS } from '../../input/limits.ts';
import { requireFewMessages, tooManyRecords } from './count-messages.ts';
import { RequestType } from './otlp-schema.ts';
import type { OtlpEncoding, OtlpSpan } from './otlp-span.ts';
import { readAttributes } from './read-attributes.ts';
import { type Fields, readList, readObject } from './read-fields.ts';
import { readScope, readSpan } from './read-span.ts';

/**
 * Decodes an `ExportTraceServiceRequest`, already decompressed, into spans in the order they were
 * sent, with only the attributes that metering needs. A span with an invalid id or time is returned
 * with its `problem`.
 * @throws AppError invalid_request when the body is not such a request, or has more than 10,000 spans
 */
export function decodeOtlp(body: Uint8Array, encoding: OtlpEncoding): OtlpSpan[] {
  const request = encoding === 'json' ? parseJson(body) : parseProtobuf(body);
  const spans: OtlpSpan[] = [];
  for (const [resourceSpans, path] of readList(request, 'resourceSpans', '')) {
    const resource = readAttributes(readObject(resourceSpans, 'resource', path), `${path}.resource`);
    for (const [scopeSpans, scopePath] of readList(resourceSpans, 'scopeSpans', path)) {
      const scope = readScope(readObject(scopeSpans, 'scope', scopePath));
      for (const [span, spanPath] of readList(scopeSpans, 'spans', scopePath)) {
        if (spans.length === OTLP_LIMITS.records) throw tooManyRecords('records', OTLP_LIMITS.records);
        spans.push(readSpan(span, spanPath, resource, scope));
      }
    }
  }
  return spans;
}

function parseJson(body: Uint8Array): Fields {
  let request: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(body);
    request = parseExactNames(withinLimits(text));
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('invalid_request', 'The body must be JSON in UTF-8.', { cause });
  }
  if (!isObject(request)) throw new AppError('invalid_request', 'The body must be a JSON object.');
  return request;
}

/**
 * The text as it may be parsed: its objects would take twenty times its bytes, and what nests too
 * deeply is content that is not read.
 */
function withinLimits(text: string): string {
  const { depth, values } = measureJson(text, OTLP_LIMITS.jsonValues);
  if (values > OTLP_LIMITS.jsonValues) throw tooManyRecords('parts', OTLP_LIMITS.jsonValues);
  return depth > JSON_DEPTH ? cutDeepJson(text, JSON_DEPTH) : text;
}

function parseProtobuf(body: Uint8Array): Fields {
  try {
    requireFewMessages(body, RequestType, 'Span');
    return RequestType.toObject(RequestType.decode(body), { longs: String });
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('invalid_request', 'The body must be an ExportTraceServiceRequest in protobuf.', { cause });
  }
}
