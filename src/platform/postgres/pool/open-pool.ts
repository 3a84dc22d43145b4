import pg from 'pg';
import { isConnectionLoss } from './database-errors.ts';
import { watchSilence } from './watch-silence.ts';

export interface PoolOptions {
  connectionString: string;
  connections: number;
  /** How long a statement waits for a lock before it fails; 0 = without a limit. */
  lockTimeoutMs: number;
  /** A connection whose statement says nothing for so long is cut; null = never. */
  silentMs: number | null;
  /** Told when no connection can be had: brings an embedded server back. */
  onUnreachable?: (() => void) | undefined;
  /** Lets a session in, after its settings; it rejects where the session may not be used. */
  admit?: ((session: pg.ClientBase) => Promise<void>) | undefined;
  onError: (error: Error) => void;
}

const CONNECTION_TIMEOUT_MS = 10_000;

/**
 * What every session of ours needs, whatever the server, its role or the URL says. They are statements
 * and not parameters of the start, since pgbouncer refuses those that it does not know.
 */
export function settingsOf(lockTimeoutMs: number): string {
  const settings = {
    TimeZone: 'UTC',
    DateStyle: 'ISO, YMD',
    IntervalStyle: 'postgres',
    client_encoding: 'UTF8',
    standard_conforming_strings: 'on',
    extra_float_digits: '1',
    bytea_output: 'hex',
    jit: 'off',
    lock_timeout: String(lockTimeoutMs),
  };
  return Object.entries(settings)
    .map(([name, value]) => `SET ${name} = '${value}'`)
    .join('; ');
}

/** Calls back when `connect` fails for want of a server, whichever way the pool was asked. */
function noticeFailures(pool: pg.Pool, onUnreachable: () => void): void {
  const connect = pool.connect.bind(pool) as (callback?: unknown) => unknown;
  const notice = (error: unknown) => {
    if (error && isConnectionLoss(error)) onUnreachable();
  };
  pool.connect = ((callback?: (error: unknown, ...rest: unknown[]) => void) => {
    if (callback) {
      return connect((error: unknown, ...rest: unknown[]) => {
        notice(error);
        callback(error, ...rest);
      });
    }
    return (connect() as Promise<unknown>).catch((error: unknown) => {
      notice(error);
      throw error;
    });
  }) as typeof pool.connect;
}

/**
 * A pool whose sessions all have our settings. Nothing connects before the first query.
 */
export function openPool(options: PoolOptions): pg.Pool {
  const settings = settingsOf(options.lockTimeoutMs);
  const pool = new pg.Pool({
    connectionString: options.connectionString,
    max: options.connections,
    connectionTimeoutMillis: CONNECTION_TIMEOUT_MS,
    keepAlive: true,
    onConnect: async (client: pg.ClientBase) => {
      await client.query(settings);
      await options.admit?.(client);
    },
  });
  pool.on('error', (error: Error & { client?: unknown }) => {
    // The pool adds the whole connection to it, with its secrets: nothing for a log.
    delete error.client;
    options.onError(error);
  });
  // A connection that is lost while it is out of the pool says so itself; the query that it ran
  // fails as well.
  pool.on('connect', (client) => client.on('error', options.onError));
  if (options.onUnreachable) noticeFailures(pool, options.onUnreachable);
  if (options.silentMs !== null) watchSilence(pool, options.silentMs);
  return pool;
}
