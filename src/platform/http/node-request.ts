import type { IncomingMessage } from 'node:http';
import { payloadTooLarge } from './http-body.ts';

/** A header of a request as it came through Node's own server; null when it is missing. */
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
      if (!incoming.complete) reject(new Error('the request was broken off'));
    });
  });
}

function joinBytes(chunks: Buffer[]): Buffer {
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
}

/**
 * Reads a body straight from the socket, and no more of it than the limit: without the web's
 * Request and its streams, which cost more than the rest of a small request.
 * @throws AppError payload_too_large
 */
export function readIncoming(incoming: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return readChunks(incoming, maxBytes, joinBytes);
}

/** The same as UTF-8. @throws AppError payload_too_large */
export function readIncomingText(incoming: IncomingMessage, maxBytes: number): Promise<string> {
  return readChunks(incoming, maxBytes, (chunks) => joinBytes(chunks).toString('utf8'));
}

/** The same request as the web has it, after its body was read. */
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
