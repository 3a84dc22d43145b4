import { Redis } from 'ioredis';
import type { Log } from './log.ts';

/** The start waits so long for Redis; then it goes on without it until it is there. */
const START_WAIT_MS = 2_000;
/** An attempt to connect is given up after this. */
const CONNECT_TIMEOUT_MS = 2_000;
/** The longest pause between two attempts to connect. */
const MAX_PAUSE_MS = 1_000;
/** A connection on which nothing answers for so long is dead, and is replaced. */
const SILENT_MS = 5_000;

/**
 * Opens a connection to Redis that comes back by itself. While it is away, a command fails at once
 * instead of waiting, and one line of log tells of the outage. For a connection that subscribes,
 * open a second one.
 * @param url `redis://`, `rediss://` (TLS), or the path of a Unix socket
 */
export async function openRedis(url: string, log: Log): Promise<Redis> {
  const redis = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    connectTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SILENT_MS,
    retryStrategy: (attempt) => Math.min(attempt * 50, MAX_PAUSE_MS),
  });
  let isLost = false;
  redis.on('error', (error: Error) => {
    if (isLost) return;
    isLost = true;
    log.error({ err: error }, 'Redis cannot be reached; the server goes on without it and keeps trying');
  });
  redis.on('ready', () => {
    if (isLost) log.warn('Redis is back');
    isLost = false;
  });
  // The listener above tells why it failed.
  const connected = redis.connect().catch(() => {});
  await Promise.race([connected, new Promise((resolve) => setTimeout(resolve, START_WAIT_MS).unref())]);
  return redis;
}
