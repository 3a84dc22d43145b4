import type { Config } from '../config.ts';
import { createPublicUrl } from '../platform/http/public-url.ts';
import type { Log } from '../platform/log.ts';
import { createMailer } from '../platform/mail/mailer.ts';
import { createMetrics } from '../platform/metrics/metrics.ts';
import { createNotices, type Notices } from '../platform/notices/notices.ts';
import { openPostgresChannel } from '../platform/notices/postgres-channel.ts';
import { openRedisChannel } from '../platform/notices/redis-channel.ts';
import { cancellingOnAbort, type Database, openDatabase } from '../platform/postgres/database.ts';
import { startJobs } from '../platform/postgres/jobs.ts';
import type { SchemaGuard } from '../platform/postgres/migrate/schema-guard.ts';
import { openRateLimits } from '../platform/rate-limits/open-rate-limits.ts';
import { removeExpiredCounts } from '../platform/rate-limits/remove-expired-counts.ts';
import { openRedis } from '../platform/redis.ts';
import { createApiKeyCache } from './access/api-key-cache.ts';
import { createAuthFailures } from './access/limits/auth-failures.ts';
import { createPlanLimits } from './access/limits/plan-limits.ts';
import { removeOldAnswers } from './access/run-once.ts';
import { followTenantChanges } from './access/tenant-changes.ts';
import { DETECT_ANOMALIES_SCHEDULE, detectAnomalies } from './anomalies/detect-anomalies.ts';
import { createKnownBands } from './anomalies/watch/known-bands.ts';
import { createBudgetDirectory } from './budgets/budget-directory.ts';
import { END_RAISES_SCHEDULE, endAllRaises } from './budgets/end-raises.ts';
import type { Resources } from './context.ts';
import { EVENTS_RAISED } from './event-log/event.ts';
import { createSeriesModeler } from './forecast/modeling/series-modeler.ts';
import { REMOVE_JOBS_SCHEDULE, removeOldJobs } from './jobs/remove-old-jobs.ts';
import { startJobRunner } from './jobs/run-jobs.ts';
import { createLive } from './live/live.ts';
import { createTenantLoader } from './load-tenants.ts';
import { measureCommits, measureRateLimits, measureResources } from './measure.ts';
import { readCatalog, readShippedVersion, SHIPPED_AT_MS } from './pricing/catalog/read-catalog.ts';
import { measureFeeds } from './pricing/feeds/feed-counts.ts';
import { queueFirstRead, readFeedsJob } from './pricing/feeds/schedule-feeds.ts';
import { followCatalog } from './pricing/import/follow-catalog.ts';
import { importCatalog, isCatalogKnown, PRICE_UNPRICED_JOB } from './pricing/import/import-catalog.ts';
import { followOwnPrices } from './pricing/own/follow-own-prices.ts';
import { createTeamDirectory } from './teams/team-directory.ts';
import { PRICE_UNPRICED_SCHEDULE, priceUnpricedUsage } from './usage/adjust/price-unpriced-usage.ts';
import type { UsageRow } from './usage/event/usage-event.ts';
import { createSeriesCache } from './usage/prepare/series-cache.ts';
import { createPreviewTurns } from './usage/reprice/preview-turns.ts';
import { runReprice } from './usage/reprice/run-reprice.ts';
import { startFolding } from './usage/upkeep/fold-loop.ts';
import { requirePositions } from './usage/upkeep/require-positions.ts';
import { retireUsage } from './usage/upkeep/retire-usage.ts';
import { createUsageCommitter } from './usage/write/usage-committer.ts';
import { removeOldDeliveries } from './webhooks/remove-old-deliveries.ts';
import { startWebhookSender } from './webhooks/sending/webhook-sender.ts';

/** A read is ended by the database itself; its connection is cut only where that does not help. */
const READ_GRACE_SECONDS = 5;
const RETIRE_SCHEDULE = '7 * * * *';
const REMOVE_ANSWERS_SCHEDULE = '37 * * * *';
const REMOVE_COUNTS_SCHEDULE = '*/10 * * * *';
const REMOVE_DELIVERIES_SCHEDULE = '47 * * * *';

export interface OpenOptions {
  config: Readonly<Config>;
  log: Log;
  /** Of a migrated database. */
  connectionString: string;
  /** Brings an embedded server back after it was lost. */
  revive?: () => Promise<void>;
  clock?: () => number;
  /** How often other processes' imports of prices are looked for, instead of every 2 s. */
  catalogLookMs?: number | undefined;
  /** Aborted: the start is given up, and what it runs is cancelled. */
  signal?: AbortSignal;
  /** Keeps this process off a database that a newer one has migrated. */
  schemaGuard?: SchemaGuard;
}

/** What lives as long as the process, and its end. */
export interface OpenResources extends Resources {
  /**
   * Cancels what runs for nobody, the fold and the jobs. They go on at the next start where they
   * were.
   */
  stopUpkeep(): Promise<void>;
  /** Waits for what callers wait for, and closes the database. */
  close(): Promise<void>;
}

async function importShipped(database: Database, log: Log, nowMs: number): Promise<void> {
  const catalog = await readCatalog();
  const { isImported } = await importCatalog(database, { catalog, asOfMs: SHIPPED_AT_MS, nowMs });
  if (!isImported) return;
  const { version, prices, rounded } = catalog;
  log.info({ version, prices: prices.length, rounded: rounded.length }, 'price catalog imported');
  log.debug({ rounded }, 'catalog prices with binary noise, kept rounded');
}

async function preparePrices(database: Database, log: Log, nowMs: number, lookEveryMs?: number) {
  if (!(await isCatalogKnown(database.pool, await readShippedVersion()))) await importShipped(database, log, nowMs);
  return followCatalog(database, log, lookEveryMs);
}

/**
 * Opens what the domain works with, over a migrated database; imports the price catalog where its
 * version is new.
 * @throws AppError unavailable when `signal` is aborted meanwhile
 */
export async function openResources(options: OpenOptions): Promise<OpenResources> {
  const { config, log, connectionString, revive, signal, schemaGuard } = options;
  let opened: OpenResources | undefined;
  const database = openDatabase({
    connectionString,
    connections: config.databaseConnections,
    revive,
    silentMs: Math.max(config.databaseTimeoutSeconds, config.readTimeoutSeconds + READ_GRACE_SECONDS) * 1000,
    onNotice(code, organizationId) {
      if (code !== EVENTS_RAISED || !opened) return;
      opened.webhooks.wake(organizationId);
      opened.notices.wake(organizationId);
    },
    admit: schemaGuard?.admit,
    onError: (error) => log.warn({ err: error }, 'a database connection was lost'),
  });
  try {
    opened = await cancellingOnAbort(database, signal, () => openOver(database, options));
    return opened;
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Tells followers of what a transaction recorded: once for each run of one organization's events. */
function wakeOrganizations(notices: Notices, rows: readonly UsageRow[]): void {
  let last = '';
  for (const { event } of rows) {
    if (event.organizationId !== last) notices.wake(event.organizationId);
    last = event.organizationId;
  }
}

async function openOver(database: Database, options: OpenOptions): Promise<OpenResources> {
  const { config, log, connectionString } = options;
  const clock = options.clock ?? Date.now;
  await requirePositions(database);
  const catalog = await preparePrices(database, log, clock(), options.catalogLookMs);
  const changes = followTenantChanges(database, log);
  await changes.poll();
  const ownPrices = await followOwnPrices({ database, changes, book: catalog.book, log });
  const redis = config.redisUrl ? await openRedis(config.redisUrl, log) : null;
  const notices = createNotices({
    openChannel: redis ? openRedisChannel(redis) : openPostgresChannel(connectionString, log),
    log,
    // A read that fails is repeated by itself, and says so.
    onAnnounced: () => void changes.poll().catch(() => {}),
  });
  changes.onChange((organizationId, isOwn) => {
    if (isOwn && organizationId !== null) notices.announce(organizationId);
  });
  const teams = createTeamDirectory(database, changes);
  const series = createSeriesCache(database);
  const budgets = createBudgetDirectory(database, changes);
  const load = createTenantLoader({ database, changes, teams, budgets, series });
  const apiKeys = createApiKeyCache({ database, changes, load, clock, log });
  const { recordTransactions: maxTransactions, usageQueueEvents: maxQueuedEvents } = config;
  const metrics = createMetrics();
  const commits = measureCommits(metrics);
  const usage = createUsageCommitter({
    database,
    budgets,
    clock,
    maxTransactions,
    maxQueuedEvents,
    onRecorded(rows, startedMs) {
      commits.events.observe(rows.length);
      commits.seconds.observe((performance.now() - startedMs) / 1000);
      wakeOrganizations(notices, rows);
    },
  });
  const publicUrl = createPublicUrl(config.publicUrl, config.host, config.port);
  const webhooks = startWebhookSender({ config, database, publicUrl, log, clock });
  measureResources(metrics, { config, database, usage, webhooks });
  const feedCounts = measureFeeds(metrics, catalog);
  const readsFeeds = config.priceFeeds.length > 0;
  const live = createLive({ database, notices, log });
  const seriesModeler = createSeriesModeler({ log });
  const folder = startFolding(database, usage, log);
  const anomalyBands = createKnownBands();
  const jobs = await startJobs(
    database.pool,
    [
      {
        name: 'retire-usage',
        schedule: RETIRE_SCHEDULE,
        run: async (stopping) => {
          const removed = await retireUsage(database, config.retentionDays, clock(), stopping);
          if (removed > 0) log.info({ removed }, 'events beyond their retention were removed');
        },
      },
      {
        name: PRICE_UNPRICED_JOB,
        schedule: PRICE_UNPRICED_SCHEDULE,
        run: async (stopping) => {
          const priced = await priceUnpricedUsage({ config, database, budgets, clock, notices }, stopping);
          if (priced > 0) log.info({ priced }, 'events got the price of their model, which was not known before');
        },
      },
      {
        name: 'end-raises',
        schedule: END_RAISES_SCHEDULE,
        run: (stopping) => endAllRaises(database, clock(), stopping),
      },
      {
        name: 'detect-anomalies',
        schedule: DETECT_ANOMALIES_SCHEDULE,
        run: async (stopping) => void (await detectAnomalies({ database, clock, log, bands: anomalyBands }, stopping)),
      },
      {
        name: 'remove-old-answers',
        schedule: REMOVE_ANSWERS_SCHEDULE,
        run: (stopping) => removeOldAnswers({ database, clock }, stopping),
      },
      {
        name: 'remove-expired-counts',
        schedule: REMOVE_COUNTS_SCHEDULE,
        run: async (stopping) => void (await removeExpiredCounts(database, stopping)),
      },
      {
        name: 'remove-old-deliveries',
        schedule: REMOVE_DELIVERIES_SCHEDULE,
        run: (stopping) => removeOldDeliveries(database, clock(), stopping),
      },
      {
        name: 'remove-old-jobs',
        schedule: REMOVE_JOBS_SCHEDULE,
        run: (stopping) => removeOldJobs(database, clock(), stopping),
      },
      ...(readsFeeds ? [readFeedsJob({ config, database, log, clock, catalog, feedCounts })] : []),
    ],
    log,
  );
  if (readsFeeds) await queueFirstRead(database.pool);
  // After all that can fail, so that nothing keeps trying to reach Redis for a start that was given up.
  const limits = openRateLimits({ store: config.rateLimitStore, connectionString, redis, clock, log });
  measureRateLimits(metrics, limits);
  const runner = startJobRunner({
    database,
    notices,
    clock,
    log,
    perform: (job, stopping) => runReprice({ database, budgets, clock, notices }, job, stopping),
  });
  let stopped: Promise<void> | null = null;
  const stopUpkeep = () => {
    stopped ??= Promise.all([folder.close(), runner.close(), jobs.close(), webhooks.close()]).then(() => {});
    return stopped;
  };
  return {
    config,
    database,
    log,
    clock,
    changes,
    apiKeys,
    planLimits: createPlanLimits(limits, config.planRequests),
    authFailures: createAuthFailures(limits, config.authFailuresPerMinute, clock),
    prices: catalog.book,
    catalog,
    ownPrices,
    feedCounts,
    teams,
    series,
    budgets,
    usage,
    webhooks,
    jobs: runner,
    previews: createPreviewTurns(),
    metrics,
    mailer: config.smtpUrl === null ? null : createMailer({ smtpUrl: config.smtpUrl, from: config.mailFrom }),
    publicUrl,
    notices,
    live,
    seriesModeler,
    stopUpkeep,
    async close() {
      await seriesModeler.close();
      await usage.close();
      await stopUpkeep();
      await apiKeys.close().catch((error) => log.warn({ err: error }, 'last-used times of API keys were not written'));
      await live.close();
      await notices.close();
      await catalog.close();
      await ownPrices.close();
      await changes.close();
      await limits.close();
      redis?.disconnect();
      await database.close();
    },
  };
}
