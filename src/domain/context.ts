import type { Config } from '../config.ts';
import type { PublicUrl } from '../platform/http/public-url.ts';
import type { Log } from '../platform/log.ts';
import type { Mailer } from '../platform/mail/mailer.ts';
import type { Metrics } from '../platform/metrics/metrics.ts';
import type { Notices } from '../platform/notices/notices.ts';
import type { Database } from '../platform/postgres/database.ts';
import type { ApiKeyCache } from './access/api-key-cache.ts';
import type { Caller } from './access/caller.ts';
import type { AuthFailures } from './access/limits/auth-failures.ts';
import type { PlanLimits } from './access/limits/plan-limits.ts';
import type { TenantChanges } from './access/tenant-changes.ts';
import type { BudgetDirectory } from './budgets/budget-directory.ts';
import type { SeriesModeler } from './forecast/modeling/series-modeler.ts';
import type { JobRunner } from './jobs/run-jobs.ts';
import type { Live } from './live/live.ts';
import type { PriceBook } from './pricing/book/match-price.ts';
import type { FeedCounts } from './pricing/feeds/feed-counts.ts';
import type { FollowedCatalog } from './pricing/import/follow-catalog.ts';
import type { FollowedOwnPrices } from './pricing/own/follow-own-prices.ts';
import type { TeamDirectory } from './teams/team-directory.ts';
import type { SeriesCache } from './usage/prepare/series-cache.ts';
import type { PreviewTurns } from './usage/reprice/preview-turns.ts';
import type { UsageCommitter } from './usage/write/usage-committer.ts';
import type { WebhookSender } from './webhooks/sending/webhook-sender.ts';

/** What lives as long as the process. Built once, in app.ts. */
export interface Resources {
  config: Readonly<Config>;
  database: Database;
  log: Log;
  /** Milliseconds since 1970; the only clock of the domain. */
  clock: () => number;
  changes: TenantChanges;
  apiKeys: ApiKeyCache;
  planLimits: PlanLimits;
  /** Failed authentication, by address. */
  authFailures: AuthFailures;
  prices: PriceBook;
  /** Keeps `prices` as new as the catalog in force. */
  catalog: FollowedCatalog;
  /** Keeps what organizations have of their own in `prices` as new as the database. */
  ownPrices: FollowedOwnPrices;
  feedCounts: FeedCounts;
  teams: TeamDirectory;
  series: SeriesCache;
  budgets: BudgetDirectory;
  usage: UsageCommitter;
  webhooks: WebhookSender;
  jobs: Pick<JobRunner, 'wake'>;
  previews: PreviewTurns;
  metrics: Metrics;
  /** Null: the server has no SMTP. */
  mailer: Mailer | null;
  /** Where people reach this server. */
  publicUrl: PublicUrl;
  /** Tells this process and others what was committed. */
  notices: Notices;
  live: Live;
  /** Makes forecasts of costs. */
  seriesModeler: SeriesModeler;
}

/** What every verb takes first: who asks, and what there is to work with. */
export interface Context {
  resources: Resources;
  caller: Caller;
  requestId: string;
  /** The network address that the request came from. */
  address: string;
}
