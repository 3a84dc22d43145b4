import { Logger, run, type TaskList } from 'graphile-worker';
import type pg from 'pg';
import type { Log } from '../log.ts';

/** Work that runs at its times, once over all processes on the database. */
export interface CronJob {
  name: string;
  /** Five fields of crontab, UTC. */
  schedule: string;
  run(): Promise<void>;
}

export interface Jobs {
  /** Waits for what is running. */
  close(): Promise<void>;
}

const CONCURRENCY = 2;
const LEVELS = { error: 'error', warning: 'warn', info: 'debug', debug: 'trace' } as const;

/** Starts the queue (graphile-worker, on the same database) with these jobs. */
export async function startJobs(pool: pg.Pool, jobs: readonly CronJob[], log: Log): Promise<Jobs> {
  const taskList: TaskList = Object.fromEntries(jobs.map((job) => [job.name, () => job.run()]));
  const runner = await run({
    pgPool: pool,
    taskList,
    crontab: jobs.map(({ name, schedule }) => `${schedule} ${name}`).join('\n'),
    concurrency: CONCURRENCY,
    noHandleSignals: true,
    logger: new Logger(() => (level, message) => log[LEVELS[level]](message)),
  });
  return { close: () => runner.stop() };
}
