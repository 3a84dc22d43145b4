/** How an OTLP request is written: `application/json` or `application/x-protobuf`. */
export type OtlpEncoding = 'json' | 'protobuf';

/** A scalar attribute. Lists and maps are never read: they hold messages. */
export type AttributeValue = string | number | boolean;
export type Attributes = ReadonlyMap<string, AttributeValue>;

/** One span with nothing but the attributes that Meterr asks for. */
export interface OtlpSpan {
  /** 32 lower-case hex digits. */
  traceId: string;
  /** 16 lower-case hex digits. */
  spanId: string;
  parentSpanId: string | null;
  name: string;
  /** Nanoseconds since 1970; 0 when not given. */
  startTimeUnixNano: bigint;
  endTimeUnixNano: bigint;
  isError: boolean;
  attributes: Attributes;
  resource: Attributes;
  /** The instrumentation: `name` or `name@version`; null when unnamed. */
  scope: string | null;
  /** Why the span can't be used (a bad id or time), or null. */
  problem: string | null;
}
