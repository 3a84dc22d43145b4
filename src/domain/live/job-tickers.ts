import type { Log } from '../../platform/log.ts';
import type { Notices } from '../../platform/notices/notices.ts';
import type { Sql } from '../../platform/postgres/database.ts';
import { findJob } from '../jobs/find-jobs.ts';
import { isOver, type Job } from '../jobs/job.ts';
import type { TakeTold, Told } from './live-source.ts';

/** How often a ticker looks whether it is to read its job, and who is to be told: so often a follower is told at most. */
const LOOK_EVERY_MS = 250;
/** Where no notice comes, it reads again after this time. */
const READ_AGAIN_MS = 1_000;

/** Follows jobs for those who wait for them: one reader a job in each process, whoever runs it. */
export interface JobTickers {
  /**
   * Hands on the state of a job again and again, until the end: who has its position already was told.
   * @param first what the caller was told
   * @returns the end
   */
  attach(first: Told<Job>, take: TakeTold<Job>): () => void;
  close(): void;
}

interface Ticker {
  takers: Set<TakeTold<Job>>;
  stop(): void;
}

/** A state of a job as subscribers are told it. Its revision grows with each change. */
export function tellJob(job: Job): Told<Job> {
  return { position: job.revision + 1, value: job, isLast: isOver(job) };
}

export function createJobTickers(sql: Sql, notices: Notices, log: Log): JobTickers {
  const tickers = new Map<string, Ticker>();

  function start(first: Told<Job>): Ticker {
    const { organizationId, id } = first.value;
    const takers = new Set<TakeTold<Job>>();
    let last = first;
    let readMs = Number.NEGATIVE_INFINITY;
    // Something may have come since the first was read.
    let isStale = true;
    let isLooking = false;
    const unfollow = notices.follow(id, () => {
      isStale = true;
    });

    async function look(): Promise<void> {
      if (!last.isLast && (isStale || performance.now() - readMs >= READ_AGAIN_MS)) {
        readMs = performance.now();
        isStale = false;
        const job = await findJob(sql, organizationId, id);
        if (job !== null && job.revision > last.value.revision) last = tellJob(job);
      }
      await Promise.all([...takers].map((take) => take(last)));
    }

    const timer = setInterval(() => {
      if (isLooking) return;
      isLooking = true;
      look()
        .catch((error) => log.warn({ err: error }, 'a job could not be read for subscribers'))
        .finally(() => {
          isLooking = false;
        });
    }, LOOK_EVERY_MS).unref();
    return {
      takers,
      stop() {
        clearInterval(timer);
        unfollow();
      },
    };
  }

  return {
    attach(first, take) {
      const { id } = first.value;
      const ticker = tickers.get(id) ?? start(first);
      tickers.set(id, ticker);
      ticker.takers.add(take);
      return () => {
        if (!ticker.takers.delete(take) || ticker.takers.size > 0) return;
        ticker.stop();
        if (tickers.get(id) === ticker) tickers.delete(id);
      };
    },
    close() {
      for (const ticker of tickers.values()) ticker.stop();
      tickers.clear();
    },
  };
}
