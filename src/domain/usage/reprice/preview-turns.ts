import { AppError } from '../../../platform/errors.ts';

/** Previews that a process makes at a time: each keeps a good part of a core busy. Of one organization it makes one. */
const MAX_AT_ONCE = 2;
const MAX_WAITING = 20;
const RETRY_AFTER_SECONDS = 5;

/** Makes previews one after the other, so that they never fill a process. */
export interface PreviewTurns {
  /**
   * Runs `work` when it is the organization's turn.
   * @throws AppError unavailable where too many wait
   */
  take<T>(organizationId: string, work: () => Promise<T>): Promise<T>;
}

interface Waiting {
  organizationId: string;
  start(): void;
}

export function createPreviewTurns(): PreviewTurns {
  const running = new Set<string>();
  const waiting: Waiting[] = [];

  function startNext(): void {
    while (running.size < MAX_AT_ONCE) {
      const at = waiting.findIndex(({ organizationId }) => !running.has(organizationId));
      const [next] = at < 0 ? [] : waiting.splice(at, 1);
      if (next === undefined) return;
      running.add(next.organizationId);
      next.start();
    }
  }

  return {
    async take(organizationId, work) {
      if (waiting.length >= MAX_WAITING) {
        const details = { retryAfterSeconds: RETRY_AFTER_SECONDS };
        throw new AppError('unavailable', 'Too many previews wait for their turn. Try again.', { details });
      }
      await new Promise<void>((resolve) => {
        waiting.push({ organizationId, start: resolve });
        startNext();
      });
      try {
        return await work();
      } finally {
        running.delete(organizationId);
        startNext();
      }
    },
  };
}
