import protobuf from 'protobufjs/light.js';
import { type AppError, invalidField } from '../../../platform/errors.ts';
import { OTLP_LIMITS } from '../../input/limits.ts';

const LENGTH_DELIMITED = 2;

/** The refusal of a request with too many records or messages. */
export function tooManyRecords(what: string, most: number): AppError {
  return invalidField('', `The request has more than ${most} ${what}: send it in smaller requests.`);
}

/**
 * Counts the messages of a request before any is decoded: an empty span takes two bytes to send and
 * two hundred to keep. What the schema leaves out is skipped.
 * @throws AppError invalid_request; Error when it is not protobuf
 */
export function requireFewMessages(bytes: Uint8Array, type: protobuf.Type, recordType: string): void {
  const reader = protobuf.Reader.create(bytes);
  let records = 0;
  let messages = 0;

  function count(message: protobuf.Type, end: number): void {
    while (reader.pos < end) {
      const tag = reader.uint32();
      const field = message.fieldsById[tag >>> 3]?.resolve();
      const inner = field?.resolvedType;
      if (!(inner instanceof protobuf.Type) || (tag & 7) !== LENGTH_DELIMITED) {
        reader.skipType(tag & 7);
        continue;
      }
      const innerEnd = reader.uint32() + reader.pos;
      if (++messages > OTLP_LIMITS.messages) throw tooManyRecords('parts', OTLP_LIMITS.messages);
      if (inner.name === recordType && ++records > OTLP_LIMITS.records) {
        throw tooManyRecords('records', OTLP_LIMITS.records);
      }
      // A scalar has nothing inside to count, and every attribute has one.
      if (inner.name === 'AnyValue') reader.pos = innerEnd;
      else count(inner, Math.min(innerEnd, reader.len));
    }
  }
  count(type, reader.len);
}
