import type pg from 'pg';
import { cancelStatement } from './cancel-statement.ts';

/** When a transaction is given up. What it did is then rolled back. */
export interface TransactionLimits {
  /** Aborted: the running statement is cancelled, and the transaction rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Milliseconds that each of its statements may take; one that takes longer fails, see `isCancelled`. */
  timeoutMs?: number;
}

/** A cancelled statement is asked again this often, since the request may meet the pause between two statements. */
export const CANCEL_EVERY_MS = 100;
/** After this time without an answer the connection is closed, and the server left to notice that. */
export const ABANDON_AFTER_MS = 1_000;

/** A promise that rejects with the signal's reason, and what must be called when nobody waits for it any more. */
function rejectOnAbort(signal: AbortSignal, delayMs: number, onAbort: () => void) {
  let timer: NodeJS.Timeout | undefined;
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => {
    onAbort();
    timer = setTimeout(() => reject(signal.reason), delayMs);
  };
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  const dispose = () => {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  };
  return { promise, dispose };
}

/** A connection of the pool's. @throws the signal's reason as soon as it is aborted */
export async function connectUntil(pool: pg.Pool, signal: AbortSignal): Promise<pg.PoolClient> {
  signal.throwIfAborted();
  const connecting = pool.connect();
  const aborted = rejectOnAbort(signal, 0, () => {});
  try {
    return await Promise.race([connecting, aborted.promise]);
  } catch (error) {
    if (signal.aborted)
      connecting.then(
        (client) => client.release(),
        () => {},
      );
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
  let asking: NodeJS.Timeout | undefined;
  const cancel = () => {
    cancelStatement(client);
    asking = setInterval(() => cancelStatement(client), CANCEL_EVERY_MS);
  };
  const aborted = rejectOnAbort(signal, ABANDON_AFTER_MS, cancel);
  let broken: Error | undefined;
  try {
    const outcome = await Promise.race([attempt(client, first, work), aborted.promise]);
    if ('result' in outcome) return outcome.result;
    broken = outcome.broken;
    throw signal.aborted ? signal.reason : outcome.error;
  } finally {
    clearInterval(asking);
    aborted.dispose();
    // A request to cancel may arrive late: it must not meet the statement of whoever gets the connection next.
    client.release(signal.aborted || broken);
  }
}
