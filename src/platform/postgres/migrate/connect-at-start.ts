import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { AppError } from '../../errors.ts';
import type { Log } from '../../log.ts';

const CONNECTION_TIMEOUT_MS = 10_000;
const RETRY_MS = 500;
/** A server that is about to be there: not yet listening, starting, or a name that is not known yet. */
const BOOTING = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ECONNRESET', '57P03', '53300']);
const READ_ONLY = 'the server is a standby or read-only';

export interface StartWait {
  /** How long a database that boots beside us is waited for. */
  waitMs: number;
  /** What to do when it cannot be had, as the last sentence of the error. */
  advice?: string;
  log?: Log;
  signal?: AbortSignal | undefined;
}

async function attempt(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: CONNECTION_TIMEOUT_MS, keepAlive: true });
  // A server that goes away between two statements emits this outside any query.
  client.on('error', () => {});
  try {
    await client.connect();
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
}

function codeOf(error: unknown): string {
  const inner = error instanceof AggregateError ? error.errors[0] : error;
  return inner instanceof Error && 'code' in inner && typeof inner.code === 'string' ? inner.code : '';
}

function reasonOf(error: unknown): string {
  const inner = error instanceof AggregateError ? error.errors[0] : error;
  return inner instanceof Error ? inner.message || inner.name : String(error);
}

/**
 * A connection to the database, which may still be booting, or be a standby that is about to be
 * promoted: it is waited for, and one line says so.
 * @throws AppError unavailable when it cannot be had in time; the signal's reason when aborted
 */
export async function connectAtStart(connectionString: string, wait: StartWait): Promise<pg.Client> {
  const { waitMs, log, signal, advice } = wait;
  const fail = (reason: string, cause: unknown) => {
    const message = `No connection to the database: ${reason}${advice ? `. ${advice}` : ''}`;
    throw new AppError('unavailable', message, { cause });
  };
  const deadline = performance.now() + waitMs;
  let isTold = false;
  for (;;) {
    signal?.throwIfAborted();
    let reason: string;
    let cause: unknown;
    try {
      const client = await attempt(connectionString);
      const { rows } = await client.query<{ readonly: boolean }>(
        "SELECT current_setting('transaction_read_only') = 'on' AS readonly",
      );
      if (!rows[0]?.readonly) return client;
      await client.end();
      reason = READ_ONLY;
    } catch (error) {
      reason = reasonOf(error);
      cause = error;
      if (!BOOTING.has(codeOf(error))) fail(reason, cause);
    }
    if (performance.now() >= deadline) {
      const waited = waitMs >= 1_000 ? ` (waited ${Math.round(waitMs / 1000)} s)` : '';
      fail(`${reason}${waited}`, cause);
    }
    if (!isTold) log?.warn({ reason }, 'the database is not there yet; waiting for it');
    isTold = true;
    await sleep(RETRY_MS, undefined, signal ? { signal } : {}).catch(() => {});
  }
}
