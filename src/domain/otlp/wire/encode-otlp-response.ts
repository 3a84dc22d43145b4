import { ResponseType, StatusType } from './otlp-schema.ts';
import type { OtlpEncoding } from './otlp-span.ts';

export const OTLP_CONTENT_TYPES: Readonly<Record<OtlpEncoding, string>> = {
  json: 'application/json',
  protobuf: 'application/x-protobuf',
};

/** The `google.rpc.Code` of each HTTP status that an export can end with. */
const RPC_CODES: Readonly<Record<number, number>> = {
  400: 3,
  401: 16,
  402: 9,
  403: 7,
  404: 5,
  405: 12,
  409: 10,
  413: 8,
  415: 3,
  429: 8,
  502: 14,
  503: 14,
  504: 4,
};
const RPC_INTERNAL = 13;

export interface PartialSuccess {
  rejectedSpans: number;
  errorMessage: string;
}

/** Encodes an `ExportTraceServiceResponse`. Clients must not resend rejected spans. */
export function encodeOtlpResponse(encoding: OtlpEncoding, partialSuccess: PartialSuccess | null): Uint8Array {
  if (encoding === 'protobuf') return ResponseType.encode(partialSuccess ? { partialSuccess } : {}).finish();
  if (!partialSuccess) return toJson({});
  const { rejectedSpans, errorMessage } = partialSuccess;
  return toJson({ partialSuccess: { rejectedSpans: String(rejectedSpans), errorMessage } });
}

/** Encodes a `google.rpc.Status`. Clients resend only on 429, 502, 503 and 504 (OTLP/HTTP). */
export function encodeOtlpError(encoding: OtlpEncoding, httpStatus: number, message: string): Uint8Array {
  const status = { code: RPC_CODES[httpStatus] ?? RPC_INTERNAL, message };
  return encoding === 'protobuf' ? StatusType.encode(status).finish() : toJson(status);
}

function toJson(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
