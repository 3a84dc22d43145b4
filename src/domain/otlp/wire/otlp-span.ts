/** The encoding of an OTLP request: `application/json` or `application/x-protobuf`. */
export type OtlpEncoding = 'json' | 'protobuf';

/** A scalar attribute. Lists and maps are never read, because they hold messages. */
export type AttributeValue = string | number | boolean;
export type Attributes = ReadonlyMap<string, AttributeValue>;

/** One span, with only the attributes that Meterr reads. */
export interface OtlpSpan {
  /** 32 lower-case hex digits. */
  traceId: string;
  /** 16 lower-case hex digits. */
  spanId: string;
  parentSpanId: string | null;
  name: string;
  /** Nanoseconds since 1970; 0 when missing. */
  startTimeUnixNano: bigint;
  endTimeUnixNano: bigint;
  isError: boolean;
  attributes: Attributes;
  resource: Attributes;
  /** The instrumentation as `name` or `name@version`; null when it has no name. */
  scope: string | null;
  /** Why the span cannot be used (an invalid id or time), or null. */
  problem: string | null;
}
