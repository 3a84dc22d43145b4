import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Sink, SinkEvents } from './lossy-output.ts';

/** What waits for a slow reader. */
const MAX_WAITING_BYTES = 1_048_576;

/**
 * A pipe or socket. Node writes to it without blocking, and keeps what its reader has not taken: up
 * to 1 MiB here. Once that is full, nothing is taken until the reader has it all.
 */
export function createStreamSink(
  stream: Writable,
  { onLost, onReady }: SinkEvents,
  maxBytes: number = MAX_WAITING_BYTES,
): Sink {
  let isFull = false;
  // Without a listener, a reader that is gone (EPIPE) would end the process.
  stream.on('error', () => {});
  stream.on('drain', () => {
    isFull = false;
    onReady();
  });
  return {
    take(line) {
      if (stream.destroyed) return false;
      if (stream.writableLength > 0 && stream.writableLength + line.length > maxBytes) isFull = true;
      if (isFull) return false;
      stream.write(line, (error) => {
        if (error) onLost();
      });
      return true;
    },
    async flush(timeoutMs) {
      if (stream.destroyed || stream.writableLength === 0) return;
      // Called back after all that was written before.
      const written = new Promise<void>((resolve) => stream.write('', () => resolve()));
      await Promise.race([written, sleep(timeoutMs)]);
    },
  };
}
