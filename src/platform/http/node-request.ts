import type { IncomingMessage } from 'node:http';
import { decodeText, payloadTooLarge } from './http-body.ts';

/** `name` must be in lower case. Returns null when the header is missing. */
export function incomingHeader(incoming: IncomingMessage, name: string): string | null {
  const value = incoming.headers[name];
  return value === undefined ? null : Array.isArray(value) ? value.join(', ') : value;
}

function readChunks<T>(incoming: IncomingMessage, maxBytes: number, join: (chunks: Buffer[]) => T): Promise<T> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    incoming.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) {
        incoming.removeAllListeners('data');
        incoming.resume();
        reject(payloadTooLarge(maxBytes));
      } else chunks.push(chunk);
    });
    incoming.on('end', () => resolve(join(chunks)));
    incoming.on('error', reject);
    incoming.on('close', () => {
      if (!incoming.complete)
        reject(new Error('The client closed the connection before it had sent the whole request.'));
    });
  });
}

function joinBytes(chunks: Buffer[]): Buffer {
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
}

/**
 * Reads a body straight from the socket. A `Request` and its stream cost more than the rest of a
 * small request.
 * @throws AppError payload_too_large when the body exceeds `maxBytes`
 */
export function readIncoming(incoming: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return readChunks(incoming, maxBytes, joinBytes);
}

/**
 * Like {@link readIncoming}, as UTF-8.
 * @throws AppError payload_too_large when the body exceeds `maxBytes`, invalid_request when it is
 *   not UTF-8
 */
export async function readIncomingText(incoming: IncomingMessage, maxBytes: number): Promise<string> {
  return decodeText(await readIncoming(incoming, maxBytes));
}

/** Makes a `Request` from a request whose body was read. */
export function toWebRequest(incoming: IncomingMessage, body: Buffer): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value);
  }
  const url = `http://${incoming.headers.host ?? 'localhost'}${incoming.url ?? '/'}`;
  const { method = 'GET' } = incoming;
  return new Request(url, {
    method,
    headers,
    body: method === 'GET' || method === 'HEAD' ? null : new Uint8Array(body),
  });
}
