import { Logger, run, type TaskList } from 'graphile-worker';
import type pg from 'pg';
import type { Log } from '../log.ts';

/** A job that runs at its scheduled times, once among all processes on the database. */
export interface CronJob {
  name: string;
  /** Five crontab fields, in UTC. */
  schedule: string;
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
export async function startJobs(pool: pg.Pool, jobs: readonly CronJob[], log: Log): Promise<Jobs> {
  const stopping = new AbortController();
  const taskList: TaskList = Object.fromEntries(jobs.map((job) => [job.name, () => job.run(stopping.signal)]));
  const runner = await run({
    pgPool: pool,
    taskList,
    crontab: jobs.map(({ name, schedule }) => `${schedule} ${name}`).join('\n'),
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
