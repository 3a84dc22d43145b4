import type { Readable } from 'node:stream';

/** How much of a body is kept. */
export const KEPT_BYTES = 1024;
/** A longer body is cut off with its connection, which a shorter one leaves open for the next call. */
const MAX_BYTES = 64 * 1024;
/** How long a body may take once its status is there. */
const MAX_MS = 1_000;

/** PostgreSQL stores no NUL, and a cut character or bad bytes become U+FFFD. */
function toText(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).subarray(0, KEPT_BYTES).toString('utf8').replaceAll('\0', '\u{fffd}');
}

/** Reads the first KiB of a body as text. Whatever happens to the rest of it is no failure. */
export function readStart(body: Readable): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  const timer = setTimeout(() => body.destroy(), MAX_MS);
  const finish = () => {
    clearTimeout(timer);
    resolve(toText(chunks));
  };
  body.on('data', (chunk: Buffer) => {
    if (bytes < KEPT_BYTES) chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MAX_BYTES) body.destroy();
  });
  body.once('end', finish);
  body.once('close', finish);
  body.on('error', finish);
  return promise;
}
