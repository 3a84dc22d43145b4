import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { type Prisma, PrismaClient } from '../../../prisma/generated/client/client.ts';
import { AppError } from '../errors.ts';
import { parseExactNames } from '../json/escaped-names.ts';
import { schemaOf } from './database-url.ts';
import { keepCancelling } from './pool/cancel-statement.ts';
import { isConnectionLoss, isReadOnly } from './pool/database-errors.ts';
import { openPool } from './pool/open-pool.ts';
import { isOutOfTime } from './pool/prisma-errors.ts';
import { createReviver } from './pool/revive-server.ts';
import { connectUntil, followNotices, runTransaction, type TransactionLimits } from './pool/transaction.ts';

/** What runs SQL: the pool, or one client inside a transaction. */
export type Sql = Pick<pg.ClientBase, 'query'>;

/** Prisma's client, in a transaction or not. */
export type Models = Prisma.TransactionClient;

/** A statement that is prepared once, under its name, on each connection that runs it. */
export interface Statement {
  name: string;
  text: string;
  values: unknown[];
}

/** A connection kept for one user, opened when it is first needed and again after it was lost. */
export interface Session {
  query<Row>(statement: Statement): Promise<{ rows: Row[] }>;
  /** Gives the connection back. Nothing may be on its way. */
  close(): void;
}

export interface Database {
  pool: pg.Pool;
  /** Off the hot path: what people manage, and the graph's reads. */
  prisma: PrismaClient;
  /**
   * Runs `work` in one transaction of its own connection; rolls back when it throws, or when
   * `limits` say so.
   */
  transaction<T>(work: (sql: Sql) => Promise<T>, limits?: TransactionLimits): Promise<T>;
  /**
   * The same for what people manage: one transaction of Prisma's. Locks are taken by `$executeRaw`
   * within it.
   * @throws AppError unavailable where no connection is free, or `work` takes too long
   */
  change<T>(work: (models: Models) => Promise<T>): Promise<T>;
  /** Runs reads that must agree with each other: all see the same moment. */
  snapshot<T>(work: (sql: Sql) => Promise<T>, limits?: TransactionLimits): Promise<T>;
  /**
   * A connection of the pool's for whoever writes again and again: a query on it is sent before the
   * call returns, not when the pool next looks for a free connection.
   */
  openSession(): Session;
  /**
   * Runs one statement for a caller who waits for little else: on a connection that is kept for
   * such, without the pool's taking and giving back; while that is busy, on another of the pool's.
   */
  queryReserved<Row>(statement: Statement): Promise<{ rows: Row[] }>;
  /**
   * Settles when the server answers in time and takes writes.
   * @throws Error where it does not: unreachable, silent, a standby, out of connections
   */
  requireReady(): Promise<void>;
  /** The same call again after the connection was lost, see {@link isConnectionLoss}. */
  retryingLostConnections<T>(work: () => Promise<T>): Promise<T>;
  /**
   * Cancels every statement that runs, whoever waits for it, and refuses what comes after with
   * `unavailable`. What was not committed is rolled back. A connection that does not answer for a
   * second is cut.
   */
  cancel(): void;
  /** Waits for what is running; after `cancel`, not longer than that takes. */
  close(): Promise<void>;
}

export interface DatabaseOptions {
  connectionString: string;
  connections: number;
  /** Called when the server cannot be reached: brings an embedded one back. */
  revive?: () => Promise<void>;
  /** How long a statement waits for a lock before it fails, see `isLockTimeout`; by default for ever. */
  lockTimeoutMs?: number;
  /** A connection whose statement says nothing for so long is cut; by default none is. */
  silentMs?: number;
  /** Receives what a transaction of this process has announced, see {@link followNotices}. */
  onNotice?: (code: string, detail: string) => void;
  /** Lets each session in; it rejects where the session may not be used. */
  admit?: ((session: pg.ClientBase) => Promise<void>) | undefined;
  onError: (error: Error) => void;
}

const CONNECTION_TIMEOUT_MS = 10_000;
/** Supervisors ask every few seconds, and give up on their own after a few. */
const READY_TIMEOUT_MS = 3_000;
/** A change waits as long for a connection as everything else, and may hold its locks so long. */
const CHANGE_LIMITS = { maxWait: CONNECTION_TIMEOUT_MS, timeout: 15_000 } as const;
const RECONNECT_FOR_MS = 20_000;
const RECONNECT_PAUSE_MS = 50;
const BEGIN_SNAPSHOT = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';

/** A transaction's connection, for what is written for a session. */
export function sessionOf(sql: Sql): Pick<Session, 'query'> {
  return { query: async <Row>(statement: Statement) => sql.query<Row & pg.QueryResultRow>(statement) };
}

/** Runs a statement in a transaction of either kind. */
export async function execute(transaction: Sql | Models, text: string, values: readonly unknown[]): Promise<void> {
  if ('$executeRawUnsafe' in transaction) await transaction.$executeRawUnsafe(text, ...values);
  else await transaction.query(text, [...values]);
}

// Money and counts stay text or integers: NUMERIC as text (the driver's default), INT8 as number
// where it is safe.
for (const type of [pg.types.builtins.JSON, pg.types.builtins.JSONB]) pg.types.setTypeParser(type, parseExactNames);
pg.types.setTypeParser(pg.types.builtins.INT8, (text) => {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`a count of ${text} is beyond 2^53-1`);
  return value;
});

/**
 * What a client's `query` does, which first copies what it is given property by property: a good
 * part of a lone event's time.
 */
function run<Row>(client: pg.PoolClient, { name, text, values }: Statement): Promise<{ rows: Row[] }> {
  return new Promise((resolve, reject) => {
    const query = new pg.Query(text, values, (error, result) => {
      if (error) reject(error);
      else resolve({ rows: result.rows as Row[] });
    });
    client.query(Object.assign(query, { name }));
  });
}

/** Opens the pool and Prisma over the same server. Nothing connects before the first query. */
export function openDatabase(options: DatabaseOptions): Database {
  const { connectionString, connections, revive, onError, lockTimeoutMs = 0, silentMs = null, admit } = options;
  const onUnreachable = revive && createReviver(revive, onError);
  const pool = openPool({ connectionString, connections, lockTimeoutMs, silentMs, onUnreachable, admit, onError });
  const { onNotice } = options;
  if (onNotice) pool.on('connect', (client) => followNotices(client, onNotice));
  const connected = new Set<pg.PoolClient>();
  pool.on('connect', (client) => connected.add(client));
  pool.on('remove', (client) => connected.delete(client));
  const closing = new AbortController();
  let ended: Promise<void> | null = null;
  const endPool = () => {
    ended ??= pool.end();
    return ended;
  };
  const prisma = new PrismaClient({
    adapter: new PrismaPg(pool, { disposeExternalPool: false, schema: schemaOf(connectionString) ?? 'public' }),
  });

  async function change<T>(work: (models: Models) => Promise<T>): Promise<T> {
    try {
      return await prisma.$transaction(work, CHANGE_LIMITS);
    } catch (error) {
      if (!isOutOfTime(error)) throw error;
      const options = { details: { retryAfterSeconds: 1 }, cause: error };
      throw new AppError('unavailable', 'The database is busy. Try again.', options);
    }
  }

  async function retryingLostConnections<T>(work: () => Promise<T>): Promise<T> {
    const deadline = Date.now() + RECONNECT_FOR_MS;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (closing.signal.aborted || !isConnectionLoss(error) || Date.now() > deadline) throw error;
        await options.revive?.();
        await new Promise((resolve) => setTimeout(resolve, RECONNECT_PAUSE_MS));
      }
    }
  }

  function openSession(): Session {
    let current: pg.PoolClient | null = null;
    let opening: Promise<pg.PoolClient> | null = null;

    function drop(error: Error): void {
      current?.release(error);
      current = null;
    }

    async function connect(): Promise<pg.PoolClient> {
      const client = await connectUntil(pool, closing.signal);
      current = client;
      client.once('error', drop);
      return client;
    }

    function open(): Promise<pg.PoolClient> {
      opening ??= connect().finally(() => {
        opening = null;
      });
      return opening;
    }

    return {
      query<Row>(statement: Statement) {
        const sent = current ? run<Row>(current, statement) : open().then((client) => run<Row>(client, statement));
        sent.catch((error) => {
          // After a fail-over another connection leads to the new primary.
          if (isReadOnly(error)) drop(error);
        });
        return sent;
      },
      close() {
        current?.off('error', drop);
        current?.release();
        current = null;
      },
    };
  }

  const reserved = openSession();
  let isReservedBusy = false;

  async function queryReserved<Row>(statement: Statement): Promise<{ rows: Row[] }> {
    if (isReservedBusy) return pool.query<Row & pg.QueryResultRow>(statement);
    isReservedBusy = true;
    try {
      return await reserved.query<Row>(statement);
    } finally {
      isReservedBusy = false;
    }
  }

  async function requireReady(): Promise<void> {
    const asked = pool.query<{ ready: boolean }>("SELECT current_setting('transaction_read_only') = 'off' AS ready");
    asked.catch(() => {});
    const late = new Promise<never>((_, reject) => {
      const error = new Error(`the database has not answered for ${READY_TIMEOUT_MS / 1000} s`);
      setTimeout(() => reject(error), READY_TIMEOUT_MS).unref();
    });
    const { rows } = await Promise.race([asked, late]);
    if (!rows[0]?.ready) throw new Error('the database is read-only or a standby');
  }

  /** Settles when every connection has been closed, or cut. */
  let cutting: Promise<void> | null = null;

  function cancel(): void {
    cutting ??= new Promise((resolve) => {
      const details = { retryAfterSeconds: 1 };
      closing.abort(new AppError('unavailable', 'The server is stopping. Try again.', { details }));
      const stopCancelling = keepCancelling(connected, () => {
        for (const client of connected) if (client instanceof pg.Client) client.end().catch(() => {});
        resolve();
      });
      const finish = () => {
        stopCancelling();
        resolve();
      };
      endPool().then(finish, finish);
    });
  }

  return {
    pool,
    prisma,
    openSession,
    queryReserved,
    transaction: (work, limits) => runTransaction(pool, closing.signal, 'BEGIN', work, limits),
    change,
    snapshot: (work, limits) => runTransaction(pool, closing.signal, BEGIN_SNAPSHOT, work, limits),
    requireReady,
    retryingLostConnections,
    cancel,
    async close() {
      reserved.close();
      const closed = prisma.$disconnect().then(endPool);
      await (cutting ? Promise.race([closed, cutting]) : closed);
    },
  };
}

/**
 * Runs `work` on a database that is given up with it: an aborted `signal` cancels all that runs
 * there.
 */
export async function cancellingOnAbort<T>(
  database: Database,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const cancel = () => database.cancel();
  if (signal?.aborted) cancel();
  signal?.addEventListener('abort', cancel);
  try {
    return await work();
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}
