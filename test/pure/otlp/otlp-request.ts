import protobuf from 'protobufjs';
import type { OtlpEncoding } from '../../../src/domain/otlp/wire/otlp-span.ts';

export type Plain = string | number | boolean | readonly string[];

/** A span as a test writes it. */
export interface TestSpan {
  name?: string;
  spanId?: string;
  parentSpanId?: string;
  traceId?: string;
  start?: string | number;
  end?: string | number;
  isError?: boolean;
  attributes: Record<string, Plain>;
}

export const TRACE_ID = '9c1f3e0a7b524d68a1e2c3d4f5061728';
export const SPAN_ID = '4e5f60718293a4b5';
export const START = '1793000000000000123';
export const END = '1793000001200000456';
/** Stands in every message of a test: it must survive nowhere. */
export const SECRET = 'hunter2-private-message';

function toAnyValue(value: Plain): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number')
    return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  return { arrayValue: { values: value.map(toAnyValue) } };
}

function toPairs(attributes: Record<string, Plain>): object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: toAnyValue(value) }));
}

/** An export request of one resource and scope, in OTLP's JSON form. */
export function toRequest(
  spans: readonly TestSpan[],
  resource: Record<string, Plain> = {},
  scope: object = { name: 'demo.instr', version: '0.3.0' },
): object {
  return {
    resourceSpans: [
      {
        resource: { attributes: toPairs(resource) },
        scopeSpans: [
          {
            scope,
            spans: spans.map((span) => ({
              traceId: span.traceId ?? TRACE_ID,
              spanId: span.spanId ?? SPAN_ID,
              parentSpanId: span.parentSpanId,
              name: span.name ?? 'chat',
              kind: 3,
              startTimeUnixNano: span.start ?? START,
              endTimeUnixNano: span.end ?? END,
              attributes: toPairs(span.attributes),
              events: [{ name: 'gen_ai.content.prompt', attributes: toPairs({ 'gen_ai.prompt': SECRET }) }],
              status: span.isError ? { code: 2, message: SECRET } : {},
            })),
          },
        ],
      },
    ],
  };
}

/**
 * Written apart from the product's own descriptor, from the published .proto files, with all that
 * spans can hold.
 */
const PROTO = `syntax = "proto3";
message Request { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
message Resource { repeated KeyValue attributes = 1; uint32 dropped_attributes_count = 2; }
message ScopeSpans { Scope scope = 1; repeated Span spans = 2; string schema_url = 3; }
message Scope { string name = 1; string version = 2; repeated KeyValue attributes = 3; }
message Span { bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; string name = 5;
  int32 kind = 6; fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9;
  uint32 dropped_attributes_count = 10; repeated Event events = 11; Status status = 15; fixed32 flags = 16; }
message Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; }
message Status { string message = 2; int32 code = 3; }
message KeyValue { string key = 1; AnyValue value = 2; }
message ArrayValue { repeated AnyValue values = 1; }
message KeyValueList { repeated KeyValue values = 1; }
message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3;
  double double_value = 4; ArrayValue array_value = 5; KeyValueList kvlist_value = 6; bytes bytes_value = 7; } }
message Response { PartialSuccess partial_success = 1; }
message PartialSuccess { int64 rejected_spans = 1; string error_message = 2; }
message RpcStatus { int32 code = 1; string message = 2; }`;
const { root } = protobuf.parse(PROTO);
export const RequestType = root.lookupType('Request');
export const ResponseType = root.lookupType('Response');
export const RpcStatusType = root.lookupType('RpcStatus');

/** Request as the wire has it. Ids are hex in JSON and bytes in protobuf. */
export function encodeRequest(request: object, encoding: OtlpEncoding): Uint8Array {
  if (encoding === 'json') return new TextEncoder().encode(JSON.stringify(request));
  const bytes = JSON.parse(JSON.stringify(request), (key, value) =>
    /^(?:trace|span|parentSpan)Id$/.test(key) ? Buffer.from(value, 'hex').toString('base64') : value,
  );
  return RequestType.encode(RequestType.fromObject(bytes)).finish();
}
