/**
 * PostgreSQL arrays in binary form (array_send of PostgreSQL's src/backend/utils/adt/arrayfuncs.c),
 * for `unnest` on the hot path: they cost both sides less than half of the text form. The driver
 * sends a Buffer as a binary parameter.
 */
const OIDS = { bytea: 17, int8: 20, int2: 21, int4: 23, text: 25, timestamptz: 1184, uuid: 2950, jsonb: 3802 } as const;

const HEADER_BYTES = 20;
const LENGTH_BYTES = 4;
const NULL_LENGTH = -1;
const MAX_UTF8_BYTES = 3;
/** timestamptz counts microseconds from 2000-01-01. */
const EPOCH_2000_MS = 946_684_800_000;
const HIGH_WORD = 0x1_0000_0000;
const JSONB_VERSION = 1;
const DASH = 45;

function writeHeader(buffer: Buffer, oid: number, count: number): void {
  buffer.writeInt32BE(count === 0 ? 0 : 1, 0);
  buffer.writeInt32BE(1, 4);
  buffer.writeInt32BE(oid, 8);
  buffer.writeInt32BE(count, 12);
  buffer.writeInt32BE(1, 16);
}

function writeInt64(buffer: Buffer, value: number, at: number): void {
  const high = Math.floor(value / HIGH_WORD);
  buffer.writeInt32BE(high, at);
  buffer.writeUInt32BE(value - high * HIGH_WORD, at + 4);
}

type WriteFixed<T> = (buffer: Buffer, value: T, at: number) => void;

function fixedArray<T>(oid: number, size: number, values: readonly (T | null)[], write: WriteFixed<T>): Buffer {
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + values.length * (LENGTH_BYTES + size));
  writeHeader(buffer, oid, values.length);
  let at = HEADER_BYTES;
  for (const value of values) {
    if (value === null) {
      buffer.writeInt32BE(NULL_LENGTH, at);
      at += LENGTH_BYTES;
    } else {
      buffer.writeInt32BE(size, at);
      write(buffer, value, at + LENGTH_BYTES);
      at += LENGTH_BYTES + size;
    }
  }
  return buffer.subarray(0, values.length === 0 ? HEADER_BYTES - 8 : at);
}

/** `bigint[]` of whole numbers up to 2^53-1. */
export function int8Array(values: readonly (number | null)[]): Buffer {
  return fixedArray(OIDS.int8, 8, values, writeInt64);
}

/** `int[]`. */
export function int4Array(values: readonly (number | null)[]): Buffer {
  return fixedArray(OIDS.int4, 4, values, (buffer, value, at) => buffer.writeInt32BE(value, at));
}

/** `smallint[]`. */
export function int2Array(values: readonly (number | null)[]): Buffer {
  return fixedArray(OIDS.int2, 2, values, (buffer, value, at) => buffer.writeInt16BE(value, at));
}

/** `timestamptz[]` of epoch milliseconds. */
export function timeArray(values: readonly (number | null)[]): Buffer {
  return fixedArray(OIDS.timestamptz, 8, values, (buffer, value, at) =>
    writeInt64(buffer, (value - EPOCH_2000_MS) * 1000, at),
  );
}

function hexDigit(code: number): number {
  return code <= 57 ? code - 48 : (code | 32) - 87;
}

function writeUuid(buffer: Buffer, uuid: string, at: number): void {
  for (let i = 0, to = at; i < uuid.length; i += 2) {
    if (uuid.charCodeAt(i) === DASH) i++;
    buffer[to++] = (hexDigit(uuid.charCodeAt(i)) << 4) | hexDigit(uuid.charCodeAt(i + 1));
  }
}

/** `uuid[]`. */
export function uuidArray(values: readonly (string | null)[]): Buffer {
  return fixedArray(OIDS.uuid, 16, values, writeUuid);
}

/** `bytea[]` of bytes as texts of Latin-1. */
export function byteaArray(values: readonly string[]): Buffer {
  const size = values.reduce((sum, value) => sum + LENGTH_BYTES + value.length, HEADER_BYTES);
  const buffer = Buffer.allocUnsafe(size);
  writeHeader(buffer, OIDS.bytea, values.length);
  let at = HEADER_BYTES;
  for (const value of values) {
    buffer.writeInt32BE(value.length, at);
    buffer.write(value, at + LENGTH_BYTES, 'latin1');
    at += LENGTH_BYTES + value.length;
  }
  return buffer.subarray(0, values.length === 0 ? HEADER_BYTES - 8 : at);
}

function utf8Array(oid: number, values: readonly (string | null)[], prefix: number | null): Buffer {
  const prefixBytes = prefix === null ? 0 : 1;
  let size = HEADER_BYTES;
  for (const value of values) size += LENGTH_BYTES + prefixBytes + (value === null ? 0 : value.length * MAX_UTF8_BYTES);
  const buffer = Buffer.allocUnsafe(size);
  writeHeader(buffer, oid, values.length);
  let at = HEADER_BYTES;
  for (const value of values) {
    if (value === null) {
      buffer.writeInt32BE(NULL_LENGTH, at);
      at += LENGTH_BYTES;
      continue;
    }
    if (prefix !== null) buffer[at + LENGTH_BYTES] = prefix;
    const bytes = prefixBytes + buffer.write(value, at + LENGTH_BYTES + prefixBytes, 'utf8');
    buffer.writeInt32BE(bytes, at);
    at += LENGTH_BYTES + bytes;
  }
  return buffer.subarray(0, values.length === 0 ? HEADER_BYTES - 8 : at);
}

/** `text[]`. */
export function textArray(values: readonly (string | null)[]): Buffer {
  return utf8Array(OIDS.text, values, null);
}

/** `jsonb[]` of JSON texts. */
export function jsonbArray(values: readonly (string | null)[]): Buffer {
  return utf8Array(OIDS.jsonb, values, JSONB_VERSION);
}
