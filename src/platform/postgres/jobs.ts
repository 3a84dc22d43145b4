import { Logger, run, type TaskList } from 'graphile-worker';
import type pg from 'pg';
import type { Log } from '../log.ts';
import type { Sql } from './database.ts';

/** A job that runs once among all processes on the database, each time that it was queued. */
export interface Job {
  name: string;
  /** Five crontab fields, in UTC: it is queued at these times, too. */
  schedule?: string;
  /**
   * @param signal aborted when the server stops: what runs then is to end at once, and is begun
   * again later
   */
  run(signal: AbortSignal): Promise<void>;
}

export interface Jobs {
  /** Stops the queue after running jobs have finished. */
  close(): Promise<void>;
}

const CONCURRENCY = 2;
const LEVELS = { error: 'error', warning: 'warn', info: 'debug', debug: 'trace' } as const;

/** Starts graphile-worker on the same database with these jobs. */
export async function startJobs(pool: pg.Pool, jobs: readonly Job[], log: Log): Promise<Jobs> {
  const stopping = new AbortController();
  const taskList: TaskList = Object.fromEntries(jobs.map((job) => [job.name, () => job.run(stopping.signal)]));
  const runner = await run({
    pgPool: pool,
    taskList,
    crontab: jobs.flatMap(({ name, schedule }) => (schedule ? `${schedule} ${name}` : [])).join('\n'),
    concurrency: CONCURRENCY,
    noHandleSignals: true,
    logger: new Logger(() => (level, message) => log[LEVELS[level]](message)),
  });
  return {
    async close() {
      // `runner.kill()` would fail a job only half a second later, and never end its statement.
      stopping.abort(new Error('The server is stopping.'));
      await runner.stop();
    },
  };
}

/**
 * Queues a job in the caller's transaction, to be run in so many milliseconds: a crash loses neither of
 * the two. While it waits, it is queued once. Does nothing before the first process has made the queue.
 */
export async function queueJob(sql: Sql, name: string, delayMs = 0): Promise<void> {
  const { rows } = await sql.query("SELECT to_regclass('graphile_worker._private_jobs') IS NOT NULL AS is_there");
  if (rows[0]?.is_there) await queueJobAt(sql, name, new Date(Date.now() + delayMs));
}

/** Queues a job for a time, in place of the one that waits. */
export async function queueJobAt(sql: Sql, name: string, at: Date): Promise<void> {
  await sql.query('SELECT graphile_worker.add_job($1, job_key => $1, run_at => $2::timestamptz)', [name, at]);
}

/** The same, unless it runs now, or waits for a time that is not over. */
export async function queueFirstJobAt(sql: Sql, name: string, at: Date): Promise<void> {
  await sql.query(
    `SELECT graphile_worker.add_job($1, job_key => $1, run_at => $2::timestamptz)
      WHERE NOT EXISTS (SELECT FROM graphile_worker.jobs
                         WHERE key = $1 AND (locked_at IS NOT NULL OR run_at > now()))`,
    [name, at],
  );
}
