import type { Sql } from '../../../platform/postgres/database.ts';
import { type Job, queueFirstJobAt, queueJobAt } from '../../../platform/postgres/jobs.ts';
import { DAY_MS } from '../../../platform/time.ts';
import { type FeedResources, readPriceFeeds } from './read-price-feeds.ts';

export const READ_FEEDS_JOB = 'read-price-feeds';
/** A server that restarts, and starts again, asks nobody for anything. */
const FIRST_AFTER_MS = 60 * 60_000;
/** Servers that were started together do not ask together. */
const SPREAD_MINUTES = 60;
const MINUTE_MS = 60_000;

/** Queues the first read, for an hour after the start and a random minute; one for all processes. */
export async function queueFirstRead(sql: Sql): Promise<void> {
  const minute = Math.floor(Math.random() * SPREAD_MINUTES);
  await queueFirstJobAt(sql, READ_FEEDS_JOB, new Date(Date.now() + FIRST_AFTER_MS + minute * MINUTE_MS));
}

/**
 * The job that reads the feeds, and queues itself for the next day. Where the process ends meanwhile,
 * another one reads an hour later.
 */
export function readFeedsJob(resources: FeedResources): Job {
  const queueAfter = (ms: number) => queueJobAt(resources.database.pool, READ_FEEDS_JOB, new Date(Date.now() + ms));
  return {
    name: READ_FEEDS_JOB,
    async run(signal) {
      await queueAfter(FIRST_AFTER_MS);
      try {
        await readPriceFeeds(resources, { signal });
      } catch (error) {
        // Not to be begun again at once: the read that is queued makes up for it.
        if (signal.aborted) return;
        throw error;
      }
      await queueAfter(DAY_MS);
    },
  };
}
