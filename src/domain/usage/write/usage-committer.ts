import { AppError } from '../../../platform/errors.ts';
import type { Database, Session } from '../../../platform/postgres/database.ts';
import type { BudgetDirectory } from '../../budgets/budget-directory.ts';
import { responseIdOf, type UsageRow } from '../event/usage-event.ts';
import { type CommitOutcome, CREATED, isLost, withRepeats } from './commit-outcome.ts';
import { findStoredEvents } from './find-stored-events.ts';
import { matchCounters } from './match-counters.ts';
import { createRecentIds } from './recent-ids.ts';
import { findRepeats, goesApart, splitApart } from './split-rows.ts';
import { explainRefusal, isKnownId, isStaleBudgets, organizationsOf, writeEvents } from './write-events.ts';
import { writeInOrder } from './write-in-order.ts';
import { writeLocked } from './write-locked.ts';

/**
 * Group commit: events of concurrent callers become one transaction, and each caller is answered
 * after it.
 */
export interface UsageCommitter {
  /**
   * Stores one caller's events. Resolves, after the commit, in their order.
   * @throws AppError unavailable when the queue is full or the server is stopping; the driver's
   * error when the database stays out of reach
   */
  commit(rows: readonly UsageRow[]): Promise<CommitOutcome[]>;
  /** Whether nothing is queued or in flight. */
  isIdle(): boolean;
  /** Events that wait for a transaction. */
  queuedEvents(): number;
  /** Waits for what is queued; refuses what comes after. */
  close(): Promise<void>;
}

interface Pending {
  rows: readonly UsageRow[];
  resolve(outcomes: CommitOutcome[]): void;
  reject(error: unknown): void;
}

/** A transaction takes whole requests until it holds this many events. */
const MAX_TRANSACTION_EVENTS = 1_000;
/** So many events do not wait for the transactions under way, but are sent behind them. */
const SECOND_TRANSACTION_EVENTS = 500;
const RETRY_AFTER_SECONDS = 1;
/**
 * After an id that was assumed new turned out to be stored, this many transactions look ids up
 * before inserting.
 */
const LOOKS_AFTER_SURPRISE = 100;
/** So many refusals because budgets changed meanwhile, and the next attempt takes the lock first. */
const MAX_STALE = 2;

export interface CommitterOptions {
  database: Database;
  budgets: BudgetDirectory;
  clock: () => number;
  /** Transactions under way at a time, each on a connection of its own. */
  maxTransactions: number;
  /** Events that may wait in memory; more are refused with 503. */
  maxQueuedEvents: number;
  /** Called after each transaction that was recorded; `startedMs` is from `performance.now()`. */
  onRecorded?: (rows: readonly UsageRow[], startedMs: number) => void;
}

/**
 * What arrives while a transaction is in flight is the next one. A lone caller therefore waits for
 * nobody, and under load the cost of a commit is shared. A next one that is large is sent at once,
 * on a second connection: the database reads it while the one before is on its way to the disk, and
 * has it there when this process is busy. Several processes may do this on one database: the
 * function takes a lock per organization, in sorted order, before it writes, so rollup rows cannot
 * deadlock.
 *
 * A lost connection leaves open whether the commit took effect. The same rows are sent again: those
 * that are already there are recognised by their own ids, so nothing is lost or doubled.
 */
export function createUsageCommitter(options: CommitterOptions): UsageCommitter {
  const { database, budgets, clock, maxTransactions, maxQueuedEvents, onRecorded } = options;
  const idle = Array.from({ length: maxTransactions }, () => database.openSession());
  const known = { get: budgets.peek };
  const recent = createRecentIds();
  let queue: Pending[] = [];
  let queuedEvents = 0;
  const running = new Set<Promise<void>>();
  let looksLeft = 0;
  let closed = false;
  /** What callers wait for whose events are looked for before they are queued. */
  const asking = new Set<Promise<unknown>>();

  function takeBatch(): Pending[] {
    let events = 0;
    let taken = 0;
    for (const pending of queue) {
      if (taken > 0 && events + pending.rows.length > MAX_TRANSACTION_EVENTS) break;
      events += pending.rows.length;
      taken++;
    }
    const batch = taken === queue.length ? queue : queue.slice(0, taken);
    queue = taken === queue.length ? [] : queue.slice(taken);
    queuedEvents -= events;
    return batch;
  }

  /**
   * One transaction. Budgets that were changed meanwhile are read again, and the same rows sent
   * again. They are sent again, too, when an id is known that nobody had met here. It may
   * come from another process, or from before this one's start, and others with it: the next
   * transactions look for theirs at once.
   */
  async function writeOnce(session: Session, all: readonly UsageRow[]): Promise<CommitOutcome[]> {
    const repeats = all.length > 1 ? findRepeats(all) : null;
    if (repeats?.needsOrder) {
      return database.retryingLostConnections(() => writeInOrder({ database, budgets, atMs: clock() }, all));
    }
    const rows = repeats === null ? all : all.filter((_, index) => !repeats.firsts.has(index));
    const organizationIds = organizationsOf(rows);
    let areNew = rows.length > 1 && looksLeft === 0;
    if (looksLeft > 0) looksLeft--;
    const isWrittenApart = rows.length === 1 && rows[0]?.writeAlso !== undefined;
    for (let stale = 0; ; ) {
      try {
        const stored = await database.retryingLostConnections(() => {
          if (stale >= MAX_STALE || isWrittenApart) {
            return writeLocked({ database, budgets, atMs: clock(), areNew }, rows, organizationIds);
          }
          return writeEvents(session, rows, matchCounters(known, organizationIds, rows), clock(), areNew);
        });
        const outcomes = rows.map((_, index): CommitOutcome => {
          const before = stored.get(index);
          return before ? { stored: before } : CREATED;
        });
        return repeats === null ? outcomes : withRepeats(all, rows, outcomes, repeats.firsts);
      } catch (error) {
        if (areNew && isKnownId(error)) {
          areNew = false;
          looksLeft = LOOKS_AFTER_SURPRISE;
          continue;
        }
        if (!isStaleBudgets(error)) throw error;
        stale++;
        if (stale < MAX_STALE) await Promise.all(organizationIds.map((id) => budgets.reload(id)));
      }
    }
  }

  /**
   * When the database refuses a set, nothing of it is stored: halve it until the event that is the
   * cause is alone. When the database is lost, nothing more is tried; what was stored before stays
   * stored, and each event has its own outcome.
   */
  async function writeSet(session: Session, rows: readonly UsageRow[]): Promise<CommitOutcome[]> {
    try {
      return await writeOnce(session, rows);
    } catch (error) {
      if (rows.length === 1 || isLost(error)) return rows.map(() => ({ failed: explainRefusal(error) }));
      const middle = rows.length >> 1;
      return writeInTurn(session, [rows.slice(0, middle), rows.slice(middle)]);
    }
  }

  async function writeInTurn(session: Session, parts: readonly (readonly UsageRow[])[]): Promise<CommitOutcome[]> {
    const outcomes: CommitOutcome[] = [];
    for (const part of parts) {
      const last = outcomes.at(-1);
      const given = last !== undefined && 'failed' in last && isLost(last.failed) ? last : null;
      outcomes.push(...(given === null ? await writeSet(session, part) : part.map(() => given)));
    }
    return outcomes;
  }

  /**
   * Events that require credits, or bring something along, are transactions of their own, in their
   * place; the others go together.
   */
  function write(session: Session, rows: readonly UsageRow[]): Promise<CommitOutcome[]> {
    return rows.some(goesApart) ? writeInTurn(session, splitApart(rows)) : writeSet(session, rows);
  }

  /**
   * Each caller is told what became of its own events. Where the database was lost before any of them
   * was stored, the caller gets that error.
   */
  function answer(batch: readonly Pending[], outcomes: readonly CommitOutcome[]): void {
    let from = 0;
    for (const pending of batch) {
      const own = outcomes.slice(from, from + pending.rows.length);
      from += pending.rows.length;
      const [first] = own;
      const isLostToAll = own.every((outcome) => 'failed' in outcome && isLost(outcome.failed));
      if (first && 'failed' in first && isLostToAll) pending.reject(first.failed);
      else pending.resolve(own);
    }
  }

  /**
   * Sends what has gathered. What comes after it is sent before its callers are answered: the
   * database never waits.
   */
  function sendNext(): void {
    if (queue.length === 0 || (running.size > 0 && queuedEvents < SECOND_TRANSACTION_EVENTS)) return;
    const session = idle.pop();
    if (session === undefined) return;
    const batch = takeBatch();
    const rows = batch.length === 1 && batch[0] ? batch[0].rows : batch.flatMap((pending) => pending.rows);
    const done = () => {
      idle.push(session);
      running.delete(sent);
      sendNext();
    };
    const startedMs = performance.now();
    const sent = write(session, rows).then(
      (outcomes) => {
        done();
        onRecorded?.(rows, startedMs);
        answer(batch, outcomes);
      },
      (error) => {
        done();
        for (const pending of batch) pending.reject(error);
      },
    );
    running.add(sent);
  }

  function enqueue(rows: readonly UsageRow[]): Promise<CommitOutcome[]> {
    if (rows.length === 0) return Promise.resolve([]);
    if (queuedEvents + rows.length > maxQueuedEvents && queuedEvents > 0) {
      const details = { retryAfterSeconds: RETRY_AFTER_SECONDS };
      return Promise.reject(
        new AppError('unavailable', 'Too many events are waiting to be stored; try again.', { details }),
      );
    }
    return new Promise((resolve, reject) => {
      queue.push({ rows, resolve, reject });
      queuedEvents += rows.length;
      sendNext();
    });
  }

  /**
   * Repeats mostly come soon, and to the same process. What is in the ledger already, for all to
   * see, has its answer there, and the transactions of others are spared it; what is not there goes
   * the way of all, where the database decides under its lock.
   * @param met none has a response id: that may be another event's by now, which then is the answer
   */
  async function enqueueUnknown(rows: readonly UsageRow[], met: readonly UsageRow[]): Promise<CommitOutcome[]> {
    const found = await findStoredEvents(database, met);
    const answerOf = ({ event }: UsageRow) => (responseIdOf(event) === null ? found.get(event.eventId) : undefined);
    const outcomes = await enqueue(rows.filter((row) => answerOf(row) === undefined));
    let next = 0;
    return rows.map((row): CommitOutcome => {
      const stored = answerOf(row);
      // A row that is stored itself is not a repeat.
      if (stored) return stored.id === row.event.id ? CREATED : { stored };
      return outcomes[next++] ?? CREATED;
    });
  }

  return {
    commit(rows) {
      if (closed) return Promise.reject(new AppError('unavailable', 'The server is stopping; try again.'));
      // Before any id is remembered: a repeat within the batch need not be looked up in the ledger.
      const met = rows.filter(
        ({ event }) => recent.has(event.organizationId, event.eventId) && responseIdOf(event) === null,
      );
      for (const { event } of rows) recent.add(event.organizationId, event.eventId);
      if (met.length === 0) return enqueue(rows);
      const answered = enqueueUnknown(rows, met);
      const forget = () => asking.delete(answered);
      asking.add(answered);
      answered.then(forget, forget);
      return answered;
    },
    isIdle: () => running.size === 0,
    queuedEvents: () => queuedEvents,
    async close() {
      closed = true;
      while (running.size + asking.size > 0) await Promise.allSettled([...running, ...asking]);
      for (const session of idle) session.close();
    },
  };
}
