import type { Redis } from 'ioredis';
import type { Log } from '../log.ts';
import { type CountStore, openMemoryStore, openPostgresStore, openRedisStore } from './count-store.ts';
import { createLocalRateLimiter, createSharedRateLimiter, type RateLimiter } from './rate-limiter.ts';
import { type WatchedStore, watchStore } from './watch-store.ts';

export interface RateLimitsOptions {
  store: CountStore['name'];
  /** Of a migrated database; the store `postgres` opens connections of its own. */
  connectionString: string;
  /** Needed by the store `redis`. */
  redis: Redis | null;
  clock: () => number;
  log: Log;
}

export interface LimiterOptions {
  /** Begins the keys, and is the label in metrics. Limiters of one name share their counts. */
  name: string;
  limit: number;
  windowSeconds: number;
  /** So many keys are counted at the same time; further ones get null. */
  maxKeys?: number;
}

/** Makes rate limiters over one store. */
export interface RateLimits {
  limiter(options: LimiterOptions): RateLimiter;
  /** How many times the store was asked in vain. */
  errors(): number;
  /** The calls that nobody counted, by name of the limit. */
  uncounted(): ReadonlyMap<string, number>;
  close(): Promise<void>;
}

/**
 * Processes' clocks differ: a key must not be forgotten while one of them is still in its window.
 */
const CLOCK_SLACK_SECONDS = 60;

function openStore({ store, connectionString, redis, log }: RateLimitsOptions): CountStore {
  if (store === 'memory') return openMemoryStore();
  if (store === 'postgres') return openPostgresStore(connectionString, log);
  if (redis) return openRedisStore(redis);
  throw new Error('The store redis needs a connection.');
}

function makeLimiter(store: CountStore, watched: WatchedStore, clock: () => number, options: LimiterOptions) {
  const { limit, windowSeconds, maxKeys } = options;
  const settings = { limit, windowSeconds, clock };
  const counter = store.counter(limit, windowSeconds + CLOCK_SLACK_SECONDS);
  if (store.name === 'memory') return createLocalRateLimiter(settings, counter);
  return createSharedRateLimiter(settings, counter, watched, maxKeys);
}

/** Opens the store; nothing is asked of it yet. */
export function openRateLimits(options: RateLimitsOptions): RateLimits {
  const { clock, log } = options;
  const store = openStore(options);
  const watched = watchStore(store.name, log);
  const uncounted = new Map<string, number>();
  return {
    limiter(asked) {
      const { name } = asked;
      const limiter = makeLimiter(store, watched, clock, asked);
      if (!uncounted.has(name)) uncounted.set(name, 0);
      return {
        async consume(key, calls = 1) {
          const state = await limiter.consume(`${name}:${key}`, calls);
          if (state === null) uncounted.set(name, (uncounted.get(name) ?? 0) + calls);
          return state;
        },
        peek: (key) => limiter.peek(`${name}:${key}`),
      };
    },
    errors: watched.errors,
    uncounted: () => uncounted,
    close: store.close,
  };
}
