import type { Log } from '../../../platform/log.ts';
import type { Database } from '../../../platform/postgres/database.ts';
import type { UsageCommitter } from '../write/usage-committer.ts';
import { foldUsage, readFoldBacklog } from './fold-usage.ts';

const LOOK_EVERY_MS = 5_000;
/** With more than this waiting, the fold no longer waits for a quiet moment. */
const URGENT_BACKLOG = 200_000;

/** Folds usage from time to time, for as long as the process lives. */
export interface FoldLoop {
  /**
   * Cancels a fold under way: it is rolled back to its last chunk, and goes on from there at the
   * next start.
   */
  close(): Promise<void>;
}

/** Starts folding: when nothing is being recorded here, or when much has gathered. */
export function startFolding(database: Database, usage: UsageCommitter, log: Log): FoldLoop {
  let running: Promise<void> = Promise.resolve();
  let busy = false;
  const stopping = new AbortController();
  const { signal } = stopping;

  async function look(): Promise<void> {
    const backlog = await readFoldBacklog(database);
    if (backlog > URGENT_BACKLOG || (backlog > 0 && usage.isIdle())) await foldUsage(database, signal);
  }

  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    running = look()
      .catch((error) => {
        if (!signal.aborted) log.warn({ err: error }, 'usage was not folded; it will be tried again');
      })
      .finally(() => {
        busy = false;
      });
  }, LOOK_EVERY_MS);
  timer.unref();

  return {
    async close() {
      clearInterval(timer);
      stopping.abort();
      await running;
    },
  };
}
