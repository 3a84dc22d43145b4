import type { Log } from '../log.ts';
import { STORE_TIMEOUT_MS } from './count-store.ts';

/** After an error the store is asked again after this, by one call; others go on without it. */
const RETRY_MS = 1_000;

/** Asks a store that may be away, without ever waiting long for it. */
export interface WatchedStore {
  /** Null: it is away, or did not answer in time. */
  ask<T>(work: () => Promise<T>): Promise<T | null>;
  /** How many times it was asked in vain. */
  errors(): number;
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${STORE_TIMEOUT_MS} ms`)), STORE_TIMEOUT_MS);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Tells of an outage, and of its end, with one line of log each. */
export function watchStore(store: string, log: Log): WatchedStore {
  let errors = 0;
  /** Null: it answers. */
  let downSinceMs: number | null = null;
  let failedMs = Number.NEGATIVE_INFINITY;
  let retryAtMs = 0;

  function noteFailure(error: unknown): void {
    errors++;
    failedMs = performance.now();
    retryAtMs = failedMs + RETRY_MS;
    if (downSinceMs !== null) return;
    downSinceMs = failedMs;
    const effect = 'plan limits are not applied, and requests with a wrong API key are refused';
    log.error({ err: error, store }, `rate limits cannot be counted: ${effect} until they can`);
  }

  function noteAnswer(askedMs: number): void {
    // What was asked before the outage says nothing about it.
    if (downSinceMs === null || askedMs < failedMs) return;
    const seconds = Math.round((performance.now() - downSinceMs) / 1000);
    log.warn({ store, seconds }, 'rate limits are counted again');
    downSinceMs = null;
  }

  return {
    async ask(work) {
      const nowMs = performance.now();
      if (downSinceMs !== null) {
        if (nowMs < retryAtMs) return null;
        // This call tries; until it is known how that went, nobody else does.
        retryAtMs = nowMs + STORE_TIMEOUT_MS + RETRY_MS;
      }
      try {
        const answer = await inTime(work());
        noteAnswer(nowMs);
        return answer;
      } catch (error) {
        noteFailure(error);
        return null;
      }
    },
    errors: () => errors,
  };
}
