import { isUtf8 } from 'node:buffer';
import { promisify } from 'node:util';
import { gunzip as gunzipCallback } from 'node:zlib';
import { AppError, invalidField } from '../errors.ts';

const gunzip = promisify(gunzipCallback);

/** The maximum size of a body in bytes, after decompression. */
export const BODY_LIMIT_BYTES = 1_048_576;
export const STREAM_LIMIT_BYTES = 10 * 1_048_576;
/** The same for what needs no key: a token and a name are a few hundred bytes. */
export const STRANGER_BODY_BYTES = 16_384;

/** Makes the error for a body over the limit. */
export function payloadTooLarge(maxBytes: number): AppError {
  return new AppError('payload_too_large', `The body must have at most ${maxBytes} bytes.`, { details: { maxBytes } });
}

async function readSentBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  const declared = Number(request.headers.get('content-length') ?? 'NaN');
  if (declared > maxBytes) throw payloadTooLarge(maxBytes);
  // The HTTP parser enforces a declared length.
  if (Number.isInteger(declared) && !request.headers.has('transfer-encoding')) {
    return new Uint8Array(await request.arrayBuffer());
  }
  if (!request.body) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body) {
    size += chunk.byteLength;
    if (size > maxBytes) throw payloadTooLarge(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** What a body may unfold to for each byte that was sent; telemetry as it is unfolds 10 to 20 fold. */
const MAX_UNFOLDING = 100;
/** Up to here a body may unfold as much as it likes: it cannot do harm. */
const FREE_UNFOLDING_BYTES = 1_048_576;

/**
 * Decompresses gzip and stops at the limit, because a small body can expand to a huge one.
 * @throws AppError payload_too_large, invalid_request (not gzip)
 */
async function gunzipBody(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  const allowedBytes = Math.max(FREE_UNFOLDING_BYTES, bytes.length * MAX_UNFOLDING);
  try {
    return await gunzip(bytes, { maxOutputLength: Math.min(maxBytes, allowedBytes) });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') {
      if (allowedBytes >= maxBytes) throw payloadTooLarge(maxBytes);
      const message = `The body must not unfold to more than ${MAX_UNFOLDING} times its size in gzip.`;
      throw new AppError('payload_too_large', message, { details: { maxBytes: allowedBytes } });
    }
    throw invalidField('', 'The body is not valid gzip: send gzip, or remove the header Content-Encoding.');
  }
}

/**
 * Reads a body and decompresses gzip. The limit applies before and after decompression.
 * @throws AppError payload_too_large, unsupported_media_type (another Content-Encoding),
 *   invalid_request (not gzip)
 */
export async function readBodyBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  const bytes = await readSentBytes(request, maxBytes);
  const coding = request.headers.get('content-encoding')?.trim().toLowerCase();
  if (!coding || coding === 'identity') return bytes;
  if (coding === 'gzip') return gunzipBody(bytes, maxBytes);
  throw new AppError('unsupported_media_type', 'Content-Encoding must be gzip or identity.');
}

/**
 * A body as text. Bytes that are not UTF-8 would all become the same character, and two ids one.
 * @throws AppError invalid_request when it is not UTF-8
 */
export function decodeText(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) {
    throw invalidField('', 'The body is not UTF-8: send text in UTF-8, or escape what is not ASCII in the JSON.');
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

/**
 * Reads a body as UTF-8.
 * @throws AppError as {@link readBodyBytes} and {@link decodeText} do
 */
export async function readBodyText(request: Request, maxBytes: number = BODY_LIMIT_BYTES): Promise<string> {
  return decodeText(await readBodyBytes(request, maxBytes));
}

/** Returns the media type in lower case, without parameters; an empty string if there is none. */
export function mediaType(contentType: string | null | undefined): string {
  if (contentType === 'application/json') return contentType;
  return (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}
