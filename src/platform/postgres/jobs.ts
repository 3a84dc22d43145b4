import { Logger, run, type TaskList } from 'graphile-worker';
import type pg from 'pg';
import type { Log } from '../log.ts';

/** Work that runs at its times, once over all processes on the database. */
export interface CronJob {
  name: string;
  /** Five fields of crontab, UTC. */
  schedule: string;
  /**
   * @param signal aborted when the server stops: what runs then is to end at once, and is begun
   * again later
   */
  run(signal: AbortSignal): Promise<void>;
}

export interface Jobs {
  /** Cancels what is running, and gives it back to the queue. */
  close(): Promise<void>;
}

const CONCURRENCY = 2;
const LEVELS = { error: 'error', warning: 'warn', info: 'debug', debug: 'trace' } as const;

/** Starts the queue (graphile-worker, on the same database) with these jobs. */
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
