import type { Attributes, OtlpSpan } from './otlp-span.ts';
import { readAttributes } from './read-attributes.ts';
import { type Fields, readObject } from './read-fields.ts';

const STATUS_ERROR = 2;
const MAX_NANOS = 2n ** 64n - 1n;
const TRACE_ID = /^[0-9a-f]{32}$/;
const SPAN_ID = /^[0-9a-f]{16}$/;
const ONLY_ZEROS = /^0*$/;

/** Returns the instrumentation scope as `name` or `name@version`; null when it has no name. */
export function readScope({ name, version }: Fields): string | null {
  if (typeof name !== 'string' || name === '') return null;
  return typeof version === 'string' && version !== '' ? `${name}@${version}` : name;
}

/**
 * Reads one span of either encoding. Ids are hex strings in JSON and bytes in protobuf; times are
 * strings or numbers.
 * @throws AppError invalid_request when `status` or `attributes` has the wrong type
 */
export function readSpan(fields: Fields, path: string, resource: Attributes, scope: string | null): OtlpSpan {
  const traceId = readId(fields.traceId, TRACE_ID);
  const spanId = readId(fields.spanId, SPAN_ID);
  const start = readNanos(fields.startTimeUnixNano);
  const end = readNanos(fields.endTimeUnixNano);
  let problem: string | null = null;
  if (!traceId) problem = 'traceId must be 16 bytes, not all 0';
  else if (!spanId) problem = 'spanId must be 8 bytes, not all 0';
  else if (start === null || end === null)
    problem = 'startTimeUnixNano and endTimeUnixNano must be nanoseconds since 1970';
  else if (start === 0n && end === 0n) problem = 'startTimeUnixNano or endTimeUnixNano must be set';
  return {
    traceId: traceId ?? '',
    spanId: spanId ?? '',
    parentSpanId: readId(fields.parentSpanId, SPAN_ID),
    name: typeof fields.name === 'string' ? fields.name : '',
    startTimeUnixNano: start ?? 0n,
    endTimeUnixNano: end ?? 0n,
    isError: readObject(fields, 'status', path).code === STATUS_ERROR,
    attributes: readAttributes(fields, path),
    resource,
    scope,
    problem,
  };
}

function readId(value: unknown, pattern: RegExp): string | null {
  const text = value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
  if (typeof text !== 'string') return null;
  const id = text.toLowerCase();
  return pattern.test(id) && !ONLY_ZEROS.test(id) ? id : null;
}

/** Null when it is not a time, 0 when missing. JSON numbers above 2^53 are inexact already. */
function readNanos(value: unknown): bigint | null {
  if (value === undefined || value === null || value === '') return 0n;
  if (typeof value === 'number') return Number.isInteger(value) && value >= 0 ? capNanos(BigInt(value)) : null;
  return typeof value === 'string' && /^\d{1,20}$/.test(value) ? capNanos(BigInt(value)) : null;
}

function capNanos(nanos: bigint): bigint | null {
  return nanos <= MAX_NANOS ? nanos : null;
}
