import { AppError } from '../../platform/errors.ts';
import { parseExactNames } from '../../platform/escaped-names.ts';
import { isObject } from '../../platform/json.ts';
import { RequestType } from './otlp-schema.ts';
import type { OtlpEncoding, OtlpSpan } from './otlp-span.ts';
import { readAttributes } from './read-attributes.ts';
import { type Fields, readList, readObject } from './read-fields.ts';
import { readScope, readSpan } from './read-span.ts';

/**
 * Reads an `ExportTraceServiceRequest`, already unpacked, into plain spans in the order they were
 * sent. Only the attributes that metering asks for are taken out of it. A span whose id or time is
 * bad is kept, with its `problem`.
 * @throws AppError `invalid_request` when the bytes are no such request
 */
export function decodeOtlp(body: Uint8Array, encoding: OtlpEncoding): OtlpSpan[] {
  const request = encoding === 'json' ? parseJson(body) : parseProtobuf(body);
  const spans: OtlpSpan[] = [];
  for (const [resourceSpans, path] of readList(request, 'resourceSpans', '')) {
    const resource = readAttributes(readObject(resourceSpans, 'resource', path), `${path}.resource`);
    for (const [scopeSpans, scopePath] of readList(resourceSpans, 'scopeSpans', path)) {
      const scope = readScope(readObject(scopeSpans, 'scope', scopePath));
      for (const [span, spanPath] of readList(scopeSpans, 'spans', scopePath)) {
        spans.push(readSpan(span, spanPath, resource, scope));
      }
    }
  }
  return spans;
}

function parseJson(body: Uint8Array): Fields {
  let request: unknown;
  try {
    request = parseExactNames(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    throw new AppError('invalid_request', 'The body is not JSON in UTF-8.', { cause });
  }
  if (!isObject(request)) throw new AppError('invalid_request', 'The body must be a JSON object.');
  return request;
}

function parseProtobuf(body: Uint8Array): Fields {
  try {
    return RequestType.toObject(RequestType.decode(body), { longs: String });
  } catch (cause) {
    throw new AppError('invalid_request', 'The body is not an ExportTraceServiceRequest in protobuf.', { cause });
  }
}
