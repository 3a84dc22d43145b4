import type pg from 'pg';
import { keepCancelling } from './cancel-statement.ts';

/** When a transaction is given up. What it did is then rolled back. */
export interface TransactionLimits {
  /**
   * Aborted: the running statement is cancelled, and the transaction rejects with the signal's
   * reason.
   */
  signal?: AbortSignal;
  /**
   * Milliseconds that each of its statements may take; one that takes longer fails, see
   * `isCancelled`.
   */
  timeoutMs?: number;
}

/** A promise that only ever rejects, with the signal's reason, when `whenAborted` calls back. */
function rejectOnAbort(signal: AbortSignal, whenAborted: (reject: () => void) => void) {
  const { promise, reject } = Promise.withResolvers<never>();
  // Nobody waits for it any more once the work has ended.
  promise.catch(() => {});
  const abort = () => whenAborted(() => reject(signal.reason));
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  return { promise, dispose: () => signal.removeEventListener('abort', abort) };
}

/** A connection of the pool's. @throws the signal's reason as soon as it is aborted */
export async function connectUntil(pool: pg.Pool, signal: AbortSignal): Promise<pg.PoolClient> {
  signal.throwIfAborted();
  const connecting = pool.connect();
  const aborted = rejectOnAbort(signal, (reject) => reject());
  try {
    return await Promise.race([connecting, aborted.promise]);
  } catch (error) {
    const giveBack = (client: pg.PoolClient) => client.release();
    if (signal.aborted) connecting.then(giveBack, () => {});
    throw error;
  } finally {
    aborted.dispose();
  }
}

async function attempt<T>(
  client: pg.PoolClient,
  begin: string,
  work: (sql: pg.PoolClient) => Promise<T>,
): Promise<{ result: T } | { error: unknown; broken: Error | undefined }> {
  try {
    await client.query(begin);
    const result = await work(client);
    await client.query('COMMIT');
    return { result };
  } catch (error) {
    const broken = await client.query('ROLLBACK').then(
      () => undefined,
      (failure: Error) => failure,
    );
    return { error, broken };
  }
}

/**
 * Runs `work` in one transaction that `begin` begins; rolls back when it throws.
 * @param closing aborted when the database is closing: a signal for all transactions
 * @throws the signal's reason when it was aborted before the commit
 */
export async function runTransaction<T>(
  pool: pg.Pool,
  closing: AbortSignal,
  begin: string,
  work: (sql: pg.PoolClient) => Promise<T>,
  limits: TransactionLimits = {},
): Promise<T> {
  const { timeoutMs } = limits;
  const signal = limits.signal ? AbortSignal.any([closing, limits.signal]) : closing;
  const client = await connectUntil(pool, signal);
  const first = timeoutMs === undefined ? begin : `${begin}; SET LOCAL statement_timeout = ${timeoutMs}`;
  let stopCancelling = () => {};
  const aborted = rejectOnAbort(signal, (reject) => {
    stopCancelling = keepCancelling([client], reject);
  });
  let broken: Error | undefined;
  try {
    const outcome = await Promise.race([attempt(client, first, work), aborted.promise]);
    if ('result' in outcome) return outcome.result;
    broken = outcome.broken;
    throw signal.aborted ? signal.reason : outcome.error;
  } finally {
    stopCancelling();
    aborted.dispose();
    // A request to cancel may arrive late: it must not meet the statement of whoever gets the
    // connection next.
    client.release(signal.aborted || broken);
  }
}

/**
 * Listens for what functions of the database announce to the process whose transaction it is, by
 * `RAISE NOTICE` with an SQLSTATE of its own: no statement has to return it, and nobody else hears of
 * it. It is passed on when the connection's transaction is over, committed or not, so the reader
 * looks for itself; it sees what was committed.
 * @param onNotice receives the SQLSTATE and the detail
 */
export function followNotices(client: pg.Client, onNotice: (code: string, detail: string) => void): void {
  let told: { code: string; detail: string }[] = [];
  client.on('notice', ({ code, detail }) => {
    if (code !== undefined && detail !== undefined) told.push({ code, detail });
  });
  client.connection.on('readyForQuery', ({ status }: { status: string }) => {
    if (told.length === 0 || status !== 'I') return;
    const over = told;
    told = [];
    for (const { code, detail } of over) onNotice(code, detail);
  });
}
