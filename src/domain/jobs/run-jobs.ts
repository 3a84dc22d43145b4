import { AppError } from '../../platform/errors.ts';
import { newUuid } from '../../platform/ids.ts';
import type { Log } from '../../platform/log.ts';
import type { Notices } from '../../platform/notices/notices.ts';
import type { Database } from '../../platform/postgres/database.ts';
import {
  isCancelled,
  isConnectionLoss,
  isLockTimeout,
  isUnable,
} from '../../platform/postgres/pool/database-errors.ts';
import {
  claimJob,
  countFailure,
  finishJob,
  type HeldJob,
  JobLost,
  LEASE_SECONDS,
  releaseJob,
  renewLease,
} from './job-lease.ts';

/** How often a process looks for jobs that nobody runs. */
const LOOK_EVERY_MS = 2_000;
const RENEW_EVERY_MS = (LEASE_SECONDS * 1_000) / 3;
/** Jobs that a process runs at a time: each keeps a connection and a good part of a core busy. */
const MAX_RUNNING = 2;
/** A job that could not be gone on with begins again after a pause, and so often in a row. */
const REST_SECONDS = 2;
const MAX_FAILURES = 5;
const UNAVAILABLE = 'The database could not take its changes. What was changed stays.';
const UNKNOWN_FAILURE =
  'Something went wrong on our side. What was changed stays; a new job looks at all events again.';

/** Runs jobs, as one of the processes on the database. */
export interface JobRunner {
  /** Looks for a job now. Without it one begins within two seconds. */
  wake(): void;
  /** Rolls the steps under way back and leaves the jobs to other processes, or to the next start. */
  close(): Promise<void>;
}

export interface JobRunnerOptions {
  database: Database;
  notices: Pick<Notices, 'wake'>;
  clock: () => number;
  log: Log;
  /**
   * Does the work from `job.place` on, in steps: each moves the place in the transaction of its changes.
   * @param signal aborted when this process is to stop or has lost the job
   * @throws JobLost where a step finds that another process has it
   */
  perform(job: HeldJob, signal: AbortSignal): Promise<void>;
}

/** Whether the failure says nothing of the job: it may work a moment later, here or elsewhere. */
function isPassing(error: unknown): boolean {
  return isCancelled(error) || isConnectionLoss(error) || isUnable(error) || isLockTimeout(error);
}

/**
 * Starts the runner of this process. A job belongs to one process at a time, by a lease in its row that is
 * renewed while it runs: when a process is gone, another one goes on at the job's place.
 */
export function startJobRunner({ database, notices, clock, log, perform }: JobRunnerOptions): JobRunner {
  const holder = newUuid();
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  let looking: Promise<void> | null = null;
  let isWoken = false;

  async function fail(job: HeldJob, error: unknown): Promise<void> {
    const { id } = job;
    const { pool } = database;
    if (!isPassing(error)) {
      log.error({ err: error, job: id }, 'a job failed');
      await finishJob(pool, job, error instanceof AppError ? error.message : UNKNOWN_FAILURE, clock());
      return;
    }
    const failures = await countFailure(pool, job);
    log.warn({ err: error, job: id, failures }, 'a step of a job could not be done');
    if (failures < MAX_FAILURES) await releaseJob(pool, job, REST_SECONDS);
    else await finishJob(pool, job, UNAVAILABLE, clock());
  }

  async function runJob(job: HeldJob): Promise<void> {
    const lost = new AbortController();
    const signal = AbortSignal.any([stopping.signal, lost.signal]);
    const renewal = setInterval(() => {
      renewLease(database.pool, job).then(
        (isHeld) => isHeld || lost.abort(new JobLost('the lease of the job has run out')),
        // A step that cannot be written says so itself.
        () => {},
      );
    }, RENEW_EVERY_MS).unref();
    try {
      await perform(job, signal);
      await finishJob(database.pool, job, null, clock());
    } catch (error) {
      if (stopping.signal.aborted) await releaseJob(database.pool, job, 0).catch(() => {});
      else if (error instanceof JobLost || lost.signal.aborted)
        log.info({ job: job.id }, 'another process runs a job now');
      else await fail(job, error);
    } finally {
      clearInterval(renewal);
      notices.wake(job.id);
    }
  }

  async function look(): Promise<void> {
    while (running.size < MAX_RUNNING && !stopping.signal.aborted) {
      const job = await claimJob(database.pool, holder, clock());
      if (job === null) return;
      notices.wake(job.id);
      const run = runJob(job)
        // Its lease runs out, and then it is taken again.
        .catch((error) => log.warn({ err: error, job: job.id }, 'the end of a job could not be written'))
        .finally(() => {
          running.delete(run);
          wake();
        });
      running.add(run);
    }
  }

  function wake(): void {
    isWoken = true;
    if (looking !== null || stopping.signal.aborted) return;
    isWoken = false;
    looking = look()
      .catch((error) => {
        if (!stopping.signal.aborted) log.debug({ err: error }, 'jobs could not be looked for');
      })
      .finally(() => {
        looking = null;
        if (isWoken) wake();
      });
  }

  const timer = setInterval(wake, LOOK_EVERY_MS).unref();
  return {
    wake,
    async close() {
      clearInterval(timer);
      stopping.abort(new Error('The server is stopping.'));
      await looking;
      await Promise.all(running);
    },
  };
}
