import { AppError } from './errors.ts';

/** How large a body may be, after decompression where there is any. */
export const BODY_LIMIT_BYTES = 1_048_576;
export const STREAM_LIMIT_BYTES = 10 * 1_048_576;

/** The refusal of a body over the limit. */
export function payloadTooLarge(maxBytes: number): AppError {
  return new AppError('payload_too_large', `The body has more than ${maxBytes} bytes.`, { details: { maxBytes } });
}

/**
 * Reads a body as text, and no more of it than the limit.
 * @throws AppError payload_too_large
 */
export async function readBodyText(request: Request, maxBytes: number = BODY_LIMIT_BYTES): Promise<string> {
  const declared = Number(request.headers.get('content-length') ?? 'NaN');
  if (declared > maxBytes) throw payloadTooLarge(maxBytes);
  // A declared length is one the HTTP parser holds the sender to.
  if (Number.isInteger(declared) && !request.headers.has('transfer-encoding')) return request.text();
  if (!request.body) return '';
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body) {
    size += chunk.byteLength;
    if (size > maxBytes) throw payloadTooLarge(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The media type of a request's body, lower case, without parameters; empty when it says none. */
export function mediaType(contentType: string | null | undefined): string {
  return (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}
