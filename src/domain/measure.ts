import type { Config } from '../config.ts';
import type { MetricSource } from '../platform/metrics/metric-source.ts';
import type { Metrics } from '../platform/metrics/metrics.ts';
import { Tally } from '../platform/metrics/tally.ts';
import type { Database } from '../platform/postgres/database.ts';
import type { RateLimits } from '../platform/rate-limits/open-rate-limits.ts';
import type { UsageCommitter } from './usage/write/usage-committer.ts';
import type { WebhookSender } from './webhooks/sending/webhook-sender.ts';

const TRANSACTION_EVENTS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000] as const;
const TRANSACTION_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5] as const;
/** A scrape asks the database once, and waits this long for it. */
const DATABASE_WAIT_MS = 1_000;
/** Scrapes and sources within this time share one question to the database. */
const DATABASE_SHARED_MS = 1_000;

interface Stored {
  budgets: string;
  waiting: string;
  raised: string;
  deliveries: string;
}

/**
 * Living budgets, events without sums by user and tags, the log of what happened, and deliveries that
 * wait.
 */
const STORED = `
  SELECT (SELECT count(*) FROM budgets WHERE deleted_at IS NULL)::text AS budgets,
         greatest(s.last_value - f.position, 0)::text AS waiting,
         (SELECT last_value FROM events_position_seq)::text AS raised,
         (SELECT count(*) FROM webhook_deliveries WHERE status = 'pending')::text AS deliveries
    FROM usage_events_position_seq s, usage_fold f`;

/** The transactions that record usage: how many events each had, and how long it took. */
export interface CommitTallies {
  events: Tally;
  seconds: Tally;
}

/** Makes the tallies of the transactions that record usage, and shows them. */
export function measureCommits(metrics: Metrics): CommitTallies {
  const events = new Tally(TRANSACTION_EVENTS);
  const seconds = new Tally(TRANSACTION_SECONDS);
  metrics.addHistogram({ name: 'meterr_commit_events', help: 'Events that one transaction recorded.', tally: events });
  metrics.addHistogram({
    name: 'meterr_commit_seconds',
    help: 'Time that one transaction took to record its events.',
    tally: seconds,
  });
  return { events, seconds };
}

/** Asks the database at most once a second; null where it does not answer in time. */
function storedFigures(database: Database): () => Promise<Stored | null> {
  let asked: Promise<Stored | null> = Promise.resolve(null);
  let askedMs = Number.NEGATIVE_INFINITY;
  return () => {
    if (performance.now() - askedMs < DATABASE_SHARED_MS) return asked;
    askedMs = performance.now();
    const answered = database.pool.query<Stored>({ name: 'metrics', text: STORED }).then(({ rows }) => rows[0] ?? null);
    const late = new Promise<null>((resolve) => setTimeout(resolve, DATABASE_WAIT_MS, null).unref());
    asked = Promise.race([answered, late]).catch(() => null);
    return asked;
  };
}

export interface MeasuredParts {
  config: Readonly<Config>;
  database: Database;
  usage: UsageCommitter;
  webhooks: WebhookSender;
}

/** Shows what the queue, the database, the budgets and the fold are doing. */
export function measureResources(metrics: Metrics, { config, database, usage, webhooks }: MeasuredParts): void {
  const { pool } = database;
  const stored = storedFigures(database);
  const figure = async (name: keyof Stored) => {
    const row = await stored();
    return row && Number(row[name]);
  };
  const sources: MetricSource[] = [
    { name: 'meterr_queue_events', help: 'Events that wait to be recorded.', read: () => usage.queuedEvents() },
    {
      name: 'meterr_queue_limit_events',
      help: 'METERR_USAGE_QUEUE_EVENTS: with more waiting, callers get 503.',
      read: () => config.usageQueueEvents,
    },
    {
      name: 'meterr_database_up',
      help: '1 where the database answered within a second, else 0.',
      read: async () => ((await stored()) === null ? 0 : 1),
    },
    {
      name: 'meterr_database_connections',
      help: 'Connections to the database, by state.',
      label: 'state',
      read: () =>
        new Map([
          ['busy', pool.totalCount - pool.idleCount],
          ['idle', pool.idleCount],
        ]),
    },
    {
      name: 'meterr_database_waiting',
      help: 'Callers that wait for a connection.',
      read: () => pool.waitingCount,
    },
    {
      name: 'meterr_database_connections_limit',
      help: 'METERR_DATABASE_CONNECTIONS.',
      read: () => config.databaseConnections,
    },
    { name: 'meterr_budgets', help: 'Living budgets of all organizations.', read: () => figure('budgets') },
    {
      name: 'meterr_unfolded_events',
      help: 'Events that are not yet summed by user and tags; queries add them one by one.',
      read: () => figure('waiting'),
    },
    {
      name: 'meterr_event_log_position',
      help: 'Position of the newest event in the log (budgets crossed, credits low); followers lag behind it.',
      read: () => figure('raised'),
    },
    {
      name: 'meterr_webhook_deliveries_pending',
      help: 'Deliveries of all organizations that wait for a try, the first or another.',
      read: () => figure('deliveries'),
    },
    {
      name: 'meterr_webhook_tries_total',
      help: 'Tries of deliveries that this process has made, by outcome.',
      label: 'outcome',
      read: () => new Map(Object.entries(webhooks.counts)),
    },
  ];
  for (const source of sources) metrics.add(source);
}

/** Shows how often requests could not be counted against their limits. */
export function measureRateLimits(metrics: Metrics, limits: RateLimits): void {
  metrics.add({
    name: 'meterr_rate_limit_store_errors_total',
    help: 'Times that the store of rate limits failed or did not answer in time.',
    read: limits.errors,
  });
  metrics.add({
    name: 'meterr_rate_limit_uncounted_total',
    help: 'Requests that could not be counted: let through by plan limits, refused by those on wrong keys.',
    label: 'limit',
    read: limits.uncounted,
  });
}
