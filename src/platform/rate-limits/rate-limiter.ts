import type { Counter } from './count-store.ts';
import { type Count, countTogether } from './count-together.ts';
import type { WatchedStore } from './watch-store.ts';

/** The state of one caller in the current window. `limit` and `remaining` are numbers of calls. */
export interface RateLimitState {
  limit: number;
  remaining: number;
  /** The end of the window, in epoch milliseconds; a whole second. */
  resetMs: number;
  /** Whether this call is over the limit. */
  exceeded: boolean;
}

/** Limits the calls of each key in windows that begin with the clock's full hour, minute, ... */
export interface RateLimiter {
  /**
   * Counts calls of `key`, one by default, and returns the state after them. Calls that fit only
   * in part are over the limit, and counted all the same. Null: the store is down.
   */
  consume(key: string, calls?: number): Promise<RateLimitState | null>;
  /** Returns the state of `key` without counting a call. Null: the store is down. */
  peek(key: string): Promise<RateLimitState | null>;
}

/** Fixed windows of the clock: number n begins n * windowSeconds after 1970. */
export interface WindowLimit {
  limit: number;
  windowSeconds: number;
  clock: () => number;
}

function statesOf({ limit, windowSeconds, clock }: WindowLimit) {
  return {
    window: () => Math.floor(clock() / 1000 / windowSeconds),
    state: (window: number, count: number, exceeded: boolean): RateLimitState => ({
      limit,
      remaining: Math.max(0, limit - count),
      resetMs: (window + 1) * windowSeconds * 1000,
      exceeded,
    }),
  };
}

function createLimiter(
  settings: WindowLimit,
  count: Count,
  read: (key: string) => Promise<number | null>,
): RateLimiter {
  const { window, state } = statesOf(settings);
  const { limit } = settings;
  return {
    async consume(key, calls = 1) {
      const now = window();
      const counted = await count(`${key}:${now}`, calls);
      return counted === null ? null : state(now, counted, counted > limit);
    },
    async peek(key) {
      const now = window();
      const counted = await read(`${key}:${now}`);
      return counted === null ? null : state(now, counted, counted >= limit);
    },
  };
}

/** Over a counter in this process, which always answers. */
export function createLocalRateLimiter(settings: WindowLimit, counter: Counter): RateLimiter {
  return createLimiter(settings, counter.add, counter.read);
}

/** Over a counter elsewhere. `maxKeys`: so many keys are counted at the same time. */
export function createSharedRateLimiter(
  settings: WindowLimit,
  counter: Counter,
  store: WatchedStore,
  maxKeys?: number,
): RateLimiter {
  const count = countTogether((key, calls) => store.ask(() => counter.add(key, calls)), maxKeys);
  return createLimiter(settings, count, (key) => store.ask(() => counter.read(key)));
}

/** The seconds until the window ends, at least one. */
export function secondsUntilReset({ resetMs }: RateLimitState, nowMs: number): number {
  return Math.max(1, Math.ceil((resetMs - nowMs) / 1000));
}

/** Returns the rate limit headers of an answer; none when there is no limit, or it is not known. */
export function rateLimitHeaders(state: RateLimitState | null): Record<string, string> {
  if (!state) return {};
  return {
    'X-RateLimit-Limit': String(state.limit),
    'X-RateLimit-Remaining': String(state.remaining),
    'X-RateLimit-Reset': String(state.resetMs / 1000),
  };
}
