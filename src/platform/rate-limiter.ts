import type pg from 'pg';
import { RateLimiterMemory, RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';

/** The state of one caller in the current window. `limit` and `remaining` are numbers of calls. */
export interface RateLimitState {
  limit: number;
  remaining: number;
  /** The end of the window, in epoch milliseconds. */
  resetMs: number;
  /** Whether this call is over the limit. */
  exceeded: boolean;
}

/** Limits the calls of each key in fixed windows. */
export interface RateLimiter {
  /** Counts calls of `key`, one by default, and returns the state after them. */
  consume(key: string, calls?: number): Promise<RateLimitState>;
  /** Returns the state of `key` without counting a call. */
  peek(key: string): Promise<RateLimitState>;
}

const TABLE = 'rate_limits';

function createLimiter(limiter: RateLimiterMemory | RateLimiterPostgres, windowSeconds: number): RateLimiter {
  const limit = limiter.points;
  const state = (result: RateLimiterRes | null, exceeded: boolean): RateLimitState => ({
    limit,
    remaining: result ? Math.max(0, result.remainingPoints) : limit,
    resetMs: Date.now() + (result ? result.msBeforeNext : windowSeconds * 1000),
    exceeded,
  });
  return {
    async consume(key, calls = 1) {
      try {
        return state(await limiter.consume(key, calls), false);
      } catch (refused) {
        if (refused instanceof RateLimiterRes) return state(refused, true);
        throw refused;
      }
    },
    async peek(key) {
      const result = await limiter.get(key);
      return state(result, result !== null && result.remainingPoints <= 0);
    },
  };
}

/** The counts are shared by all processes on one database. */
export function createSharedRateLimiter(pool: pg.Pool, points: number, windowSeconds: number): RateLimiter {
  const limiter = new RateLimiterPostgres({
    storeClient: pool,
    tableName: TABLE,
    tableCreated: true,
    keyPrefix: `plan${points}`,
    points,
    duration: windowSeconds,
  });
  return createLimiter(limiter, windowSeconds);
}

/** The counts belong to this process alone. It serves limits that need not be exact. */
export function createLocalRateLimiter(points: number, windowSeconds: number): RateLimiter {
  return createLimiter(new RateLimiterMemory({ points, duration: windowSeconds }), windowSeconds);
}

/** Returns the rate limit headers of an answer; none when the caller has no limit. */
export function rateLimitHeaders(state: RateLimitState | null): Record<string, string> {
  if (!state) return {};
  return {
    'X-RateLimit-Limit': String(state.limit),
    'X-RateLimit-Remaining': String(state.remaining),
    'X-RateLimit-Reset': String(Math.ceil(state.resetMs / 1000)),
  };
}
