import type { Redis } from 'ioredis';
import pg from 'pg';
import { RateLimiterMemory, RateLimiterPostgres, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { Log } from '../log.ts';

/** Counts calls by key, up to one limit. */
export interface Counter {
  /**
   * Counts `calls` more. Returns how many there are with them; Infinity where this process knows
   * already that the limit is spent, and then nothing is counted or asked.
   */
  add(key: string, calls: number): Promise<number>;
  /** How many were counted. */
  read(key: string): Promise<number>;
}

/** Where counts are kept: one library over three stores. */
export interface CountStore {
  name: 'memory' | 'postgres' | 'redis';
  /** `seconds`: after how long a key that nobody counts any more is forgotten. */
  counter(limit: number, seconds: number): Counter;
  /** Closes what was opened for the store. */
  close(): Promise<void>;
}

export const COUNTS_TABLE = 'rate_limits';
const KEY_PREFIX = 'meterr';
/** So long a statement may take; whoever waits for it is answered without it then. */
export const STORE_TIMEOUT_MS = 1_000;
/** Their own, so that counting never waits for a query, nor a query for counting. */
const COUNTING_CONNECTIONS = 2;

function countWith(limiter: RateLimiterMemory | RateLimiterPostgres | RateLimiterRedis): Counter {
  return {
    async add(key, calls) {
      try {
        return (await limiter.consume(key, calls)).consumedPoints;
      } catch (refused) {
        if (!(refused instanceof RateLimiterRes)) throw refused;
        // Without a count it was refused from memory.
        return refused.consumedPoints || Number.POSITIVE_INFINITY;
      }
    },
    async read(key) {
      return (await limiter.get(key))?.consumedPoints ?? 0;
    },
  };
}

/** Of this process alone. */
export function openMemoryStore(): CountStore {
  // Each of the library's limiters has counts of its own, and ours share them, whatever their limit
  // is.
  const byDuration = new Map<number, Counter>();
  return {
    name: 'memory',
    counter(_limit, duration) {
      const counter =
        byDuration.get(duration) ?? countWith(new RateLimiterMemory({ points: Number.MAX_SAFE_INTEGER, duration }));
      byDuration.set(duration, counter);
      return counter;
    },
    close: async () => {},
  };
}

/** Shared by all processes on one Redis. The connection stays the caller's. */
export function openRedisStore(redis: Redis): CountStore {
  return {
    name: 'redis',
    counter: (points, duration) =>
      countWith(
        new RateLimiterRedis({
          storeClient: redis,
          keyPrefix: KEY_PREFIX,
          points,
          duration,
          inMemoryBlockOnConsumed: points,
        }),
      ),
    close: async () => {},
  };
}

/**
 * Shared by all processes on one database. A count that a crash of PostgreSQL loses is not worth a
 * flush of the disk a statement, so these connections do not wait for it.
 */
export function openPostgresStore(connectionString: string, log: Log): CountStore {
  const pool = new pg.Pool({
    connectionString,
    max: COUNTING_CONNECTIONS,
    connectionTimeoutMillis: STORE_TIMEOUT_MS,
    query_timeout: STORE_TIMEOUT_MS,
    statement_timeout: STORE_TIMEOUT_MS,
    options: '-c synchronous_commit=off -c jit=off',
  });
  const noteLoss = (error: Error) => log.debug({ err: error }, 'a connection that counts requests was lost');
  pool.on('error', noteLoss);
  pool.on('connect', (client) => client.on('error', noteLoss));
  return {
    name: 'postgres',
    counter: (points, duration) =>
      countWith(
        new RateLimiterPostgres({
          storeClient: pool,
          storeType: 'pool',
          tableName: COUNTS_TABLE,
          tableCreated: true,
          // A job does it, see `removeExpiredCounts`.
          clearExpiredByTimeout: false,
          keyPrefix: KEY_PREFIX,
          points,
          duration,
          inMemoryBlockOnConsumed: points,
        }),
      ),
    close: () => pool.end(),
  };
}
