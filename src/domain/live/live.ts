import type { Log } from '../../platform/log.ts';
import type { Notices } from '../../platform/notices/notices.ts';
import type { Database } from '../../platform/postgres/database.ts';
import type { LoggedEvent } from '../event-log/event.ts';
import type { UsageEvent } from '../usage/event/usage-event.ts';
import { createEventHub } from './event-hub.ts';
import { createJobTickers, type JobTickers } from './job-tickers.ts';
import type { LogHub } from './log-hub.ts';
import { createSpendTickers, type SpendTickers } from './spend-tickers.ts';
import { createUsageHub } from './usage-hub.ts';

/** What this process follows for its subscribers. Nothing is read while there are none. */
export interface Live {
  events: LogHub<LoggedEvent>;
  usage: LogHub<UsageEvent>;
  spend: SpendTickers;
  jobs: JobTickers;
  close(): Promise<void>;
}

export interface LiveOptions {
  database: Database;
  notices: Notices;
  log: Log;
}

export function createLive({ database, notices, log }: LiveOptions): Live {
  const events = createEventHub(database.pool, notices, log);
  const usage = createUsageHub(database.pool, notices, log);
  const spend = createSpendTickers(notices, log);
  const jobs = createJobTickers(database.pool, notices, log);
  return {
    events,
    usage,
    spend,
    jobs,
    async close() {
      spend.close();
      jobs.close();
      await Promise.all([events.close(), usage.close()]);
    },
  };
}
