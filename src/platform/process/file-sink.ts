import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Sink, SinkEvents } from './lossy-output.ts';

/** What waits for a terminal that is stopped with Ctrl-S. */
const MAX_WAITING_BYTES = 65_536;
const RETRY_MS = 20;
const NOTHING = Buffer.alloc(0);

type Outcome = 'written' | 'later' | 'refused';

/**
 * A file, a device or a terminal. A full disk refuses lines, and a terminal that was opened without
 * blocking may ask for patience: then up to 64 KiB wait. A line of which a part is written is
 * finished before the next.
 */
export function createFileSink(fd: number, { onReady }: Pick<SinkEvents, 'onReady'>): Sink {
  let waiting: Buffer = NOTHING;
  let isRetrying = false;

  function push(): Outcome {
    while (waiting.length > 0) {
      try {
        waiting = waiting.subarray(writeSync(fd, waiting));
      } catch (error) {
        return error instanceof Error && 'code' in error && error.code === 'EAGAIN' ? 'later' : 'refused';
      }
    }
    return 'written';
  }

  function retryLater(): void {
    if (isRetrying) return;
    isRetrying = true;
    setTimeout(() => {
      isRetrying = false;
      const outcome = push();
      if (outcome === 'later') retryLater();
      else if (outcome === 'written') onReady();
    }, RETRY_MS).unref();
  }

  return {
    take(line) {
      if (push() === 'refused' || waiting.length > MAX_WAITING_BYTES) return false;
      const added = Buffer.from(line);
      waiting = waiting.length === 0 ? added : Buffer.concat([waiting, added]);
      const outcome = push();
      if (outcome === 'later') retryLater();
      if (outcome !== 'refused' || waiting.length < added.length) return true;
      waiting = NOTHING;
      return false;
    },
    async flush(timeoutMs) {
      const deadline = performance.now() + timeoutMs;
      while (push() === 'later' && performance.now() < deadline) await sleep(RETRY_MS);
    },
  };
}
