import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { z } from 'zod';
import {
  CORS_ORIGINS,
  exchangeRates,
  flag,
  isOrigin,
  planRequests,
  priceFeeds,
  publicUrl,
  ROOT,
  retrySeconds,
  trustedProxies,
  wholeNumber,
} from './config-values.ts';
import { DEFAULT_PLAN_REQUESTS, type PlanRequests } from './domain/access/limits/plan-limits.ts';
import type { ExchangeRates } from './domain/costs/exchange.ts';
import type { FeedAddress } from './domain/pricing/feeds/feed-addresses.ts';
import { findDatabaseUrlFault } from './find-database-url-fault.ts';
import { findValueFault } from './find-value-fault.ts';
import type { TrustedProxies } from './platform/http/caller-address.ts';
import { explainUnknownNames } from './unknown-names.ts';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
const RATE_LIMIT_STORES = ['postgres', 'redis', 'memory'] as const;
const MAX_PORT = 65_535;
/**
 * Of the connections, this many are not for recording: one listens for jobs, one reads changes, one is
 * kept for statements that callers wait for, and queries need the others.
 */
const OTHER_CONNECTIONS = 4;
const MIN_CONNECTIONS = OTHER_CONNECTIONS + 1;
/** The least and the most transactions that record usage, where none are configured. */
const DEFAULT_TRANSACTIONS = { min: 2, max: 8 } as const;
const MIN_OPERATOR_KEY_LENGTH = 16;
/** A header can carry visible ASCII; API keys begin with `mtr_live_`. */
const OPERATOR_KEY = /^(?!mtr_live_)[\x21-\x7e]*$/;
/** The values of these are not repeated in error messages, because those end up in logs. */
const SECRETS = new Set(['METERR_OPERATOR_KEY', 'METERR_ENCRYPTION_KEY', 'DATABASE_URL', 'REDIS_URL', 'SMTP_URL']);
const MIN_ENCRYPTION_KEY_LENGTH = 32;
/** PostgreSQL's programs start each other through a shell, and put names between double quotes. */
const DATA_DIR = process.platform === 'win32' ? /^[^"\p{Cc}]+$/u : /^[^"$`\\\p{Cc}]+$/u;

const schema = z.object({
  PORT: wholeNumber(0, MAX_PORT).default(4000),
  HOST: z.string().min(1, 'an address or host name to listen on').default('127.0.0.1'),
  DATABASE_URL: z
    .string()
    .superRefine((value, context) => {
      const message = findDatabaseUrlFault(value);
      if (message) context.addIssue({ code: 'custom', message });
    })
    .optional(),
  METERR_DATA_DIR: z
    .string()
    .regex(DATA_DIR, 'a folder whose name has no ", $, ` or \\, and no control characters')
    .default('.meterr'),
  METERR_DATABASE_CONNECTIONS: wholeNumber(MIN_CONNECTIONS, 500).default(12),
  METERR_DATABASE_WAIT_SECONDS: wholeNumber(0, 3_600).default(60),
  METERR_DATABASE_TIMEOUT_SECONDS: wholeNumber(1, 3_600).default(30),
  METERR_LOG_LEVEL: z.enum(LOG_LEVELS, `one of ${LOG_LEVELS.join(', ')}`).default('info'),
  METERR_CORS_ORIGINS: z
    .string()
    .refine((value) => value.split(',').every((one) => isOrigin(one.trim())), CORS_ORIGINS)
    .default('*'),
  METERR_OPERATOR_KEY: z
    .string()
    .min(MIN_OPERATOR_KEY_LENGTH, `a secret of at least ${MIN_OPERATOR_KEY_LENGTH} characters`)
    .regex(OPERATOR_KEY, 'a secret of visible ASCII characters that does not begin with mtr_live_, as API keys do')
    .optional(),
  METERR_RECORD_TRANSACTIONS: wholeNumber(1, 100).optional(),
  METERR_RETENTION_DAYS: wholeNumber(1, 36_500).optional(),
  METERR_PRICE_UNPRICED_LATER: flag.default(true),
  METERR_TRUST_PROXY: trustedProxies.default(null),
  METERR_METRICS_OPEN: flag.default(false),
  METERR_USAGE_QUEUE_EVENTS: wholeNumber(100, 10_000_000).default(50_000),
  METERR_AUTH_FAILURES_PER_MINUTE: wholeNumber(1, 1_000_000).default(120),
  METERR_PLAN_REQUESTS: planRequests.default(DEFAULT_PLAN_REQUESTS),
  METERR_RATE_LIMIT_STORE: z.enum(RATE_LIMIT_STORES, `one of ${RATE_LIMIT_STORES.join(', ')}`).optional(),
  REDIS_URL: z
    .string()
    .regex(
      /^(rediss?:\/)?\/./,
      'a URL such as redis://user:password@host:6379/0 (rediss:// for TLS), or the path of a Unix socket',
    )
    .optional(),
  METERR_SHUTDOWN_SECONDS: wholeNumber(1, 3_600).default(20),
  METERR_DRAIN_SECONDS: wholeNumber(0, 3_600).default(5),
  METERR_KEEP_ALIVE_SECONDS: wholeNumber(1, 3_600).default(75),
  METERR_READ_TIMEOUT_SECONDS: wholeNumber(1, 3_600).default(10),
  METERR_GRAPHIQL: flag.default(true),
  METERR_PUBLIC_URL: publicUrl.optional(),
  SMTP_URL: z
    .string()
    .regex(/^smtps?:\/\/[^\s/]/, 'a URL such as smtp://user:password@host:587')
    .refine(URL.canParse, 'a URL such as smtp://user:password@host:587')
    .optional(),
  METERR_MAIL_FROM: z
    .string()
    .regex(/^[^\p{Cc}]*[^\s@<>]+@[^\s@<>]+>?$/u, 'an address such as Meterr <meterr@example.com>')
    .default('Meterr <meterr@localhost>'),
  METERR_ENCRYPTION_KEY: z
    .string()
    .min(MIN_ENCRYPTION_KEY_LENGTH, `a secret of at least ${MIN_ENCRYPTION_KEY_LENGTH} characters`)
    .optional(),
  METERR_WEBHOOK_RETRY_SECONDS: retrySeconds.default([5, 300, 1800, 7200, 18_000, 36_000, 36_000]),
  METERR_WEBHOOK_ALLOW_HTTP: flag.default(false),
  METERR_WEBHOOK_ALLOW_PRIVATE: flag.default(false),
  METERR_PRICE_FEEDS: z.string().default('on').pipe(priceFeeds),
  METERR_EXCHANGE_RATES: exchangeRates.default(new Map()),
});

/** The configuration from the environment. The last word of a name is its unit. */
export interface Config {
  port: number;
  host: string;
  /** Null: Meterr uses the embedded PostgreSQL in `dataDir`. */
  databaseUrl: string | null;
  /** How long the database at `databaseUrl` is waited for at the start. */
  databaseWaitSeconds: number;
  /** How long a statement may say nothing before its connection is cut. */
  databaseTimeoutSeconds: number;
  dataDir: string;
  databaseConnections: number;
  /** Transactions under way at a time that record usage. */
  recordTransactions: number;
  logLevel: (typeof LOG_LEVELS)[number];
  corsOrigins: string[];
  operatorKey: string | null;
  /** Null: raw events are never deleted. */
  retentionDays: number | null;
  /** Whether events without a known cost get one when the price of their model becomes known. */
  priceUnpricedLater: boolean;
  /** The proxies whose `X-Forwarded-For` is believed. */
  trustProxy: TrustedProxies;
  /** Whether `/metrics` is served without the operator key. */
  metricsOpen: boolean;
  usageQueueEvents: number;
  authFailuresPerMinute: number;
  planRequests: PlanRequests;
  /** Where requests are counted against limits. */
  rateLimitStore: (typeof RATE_LIMIT_STORES)[number];
  /** Null: there is no Redis. */
  redisUrl: string | null;
  shutdownSeconds: number;
  /** Of these, how long the server says that it is not ready while it still serves. */
  drainSeconds: number;
  /** How long an idle connection stays open. */
  keepAliveSeconds: number;
  /** How long one statement of a read may take. */
  readTimeoutSeconds: number;
  /** Whether a browser at `/graphql` gets GraphiQL. */
  graphiql: boolean;
  /** Where people reach this server; null: where it listens. */
  publicUrl: string | null;
  /** Null: no mail is sent. */
  smtpUrl: string | null;
  /** What mails come from: an address, perhaps with a name. */
  mailFrom: string;
  /** What secrets that must be readable are encrypted under; null: they are stored as they are. */
  encryptionKey: string | null;
  /** The waits between the tries of a webhook's delivery. */
  webhookRetrySeconds: readonly number[];
  webhookAllowHttp: boolean;
  /** Whether webhooks may lead to addresses that are not public. */
  webhookAllowPrivate: boolean;
  /** Where prices are read from each day; empty: nowhere. */
  priceFeeds: readonly FeedAddress[];
  /** What one USD is in each other currency that costs can be shown in. */
  exchangeRates: ExchangeRates;
}

/** An environment variable is invalid. The message names it and says what it must be. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * One core of JavaScript feeds them, and PostgreSQL has the other cores: a transaction for every two,
 * as far as the connections go.
 */
function readTransactions(given: number | undefined, connections: number): number {
  const most = connections - OTHER_CONNECTIONS;
  if (given === undefined) {
    const { min, max } = DEFAULT_TRANSACTIONS;
    return Math.min(most, max, Math.max(min, availableParallelism() >> 1));
  }
  if (given <= most) return given;
  throw new ConfigError(
    `METERR_RECORD_TRANSACTIONS=${given} is invalid: with METERR_DATABASE_CONNECTIONS=${connections} it must be at ` +
      `most ${most}, because ${OTHER_CONNECTIONS} connections are needed for other work.`,
  );
}

type Given = z.infer<typeof schema>;

function readRateLimitStore({ METERR_RATE_LIMIT_STORE: store, REDIS_URL: url }: Given): Config['rateLimitStore'] {
  if (store === 'redis' && !url) throw new ConfigError('METERR_RATE_LIMIT_STORE=redis is invalid: it needs REDIS_URL.');
  return store ?? (url ? 'redis' : 'postgres');
}

/**
 * Reads the environment into a frozen Config. An empty variable counts as not set.
 * @throws ConfigError with one line for each invalid variable
 */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Readonly<Config> {
  const names = Object.keys(schema.shape);
  const unknown = explainUnknownNames(env, names);
  const spoilt = names.flatMap((name) => {
    const fault = findValueFault(env[name] ?? '');
    return fault === null ? [] : [`${name} ${fault}`];
  });
  const faults = [...unknown, ...spoilt];
  if (faults.length > 0) throw new ConfigError(faults.join('\n'));
  const given = Object.fromEntries(names.map((name) => [name, env[name] || undefined]));
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => {
      const name = String(issue.path[0]);
      const shown = SECRETS.has(name) ? '(hidden)' : env[name];
      return `${name}=${shown} is invalid: it must be ${issue.message}.`;
    });
    throw new ConfigError(lines.join('\n'));
  }
  const value = parsed.data;
  return Object.freeze({
    port: value.PORT,
    host: value.HOST,
    databaseUrl: value.DATABASE_URL ?? null,
    dataDir: resolve(ROOT, value.METERR_DATA_DIR),
    databaseConnections: value.METERR_DATABASE_CONNECTIONS,
    databaseWaitSeconds: value.METERR_DATABASE_WAIT_SECONDS,
    databaseTimeoutSeconds: value.METERR_DATABASE_TIMEOUT_SECONDS,
    recordTransactions: readTransactions(value.METERR_RECORD_TRANSACTIONS, value.METERR_DATABASE_CONNECTIONS),
    logLevel: value.METERR_LOG_LEVEL,
    corsOrigins: value.METERR_CORS_ORIGINS.split(',').map((origin) => origin.trim()),
    operatorKey: value.METERR_OPERATOR_KEY ?? null,
    retentionDays: value.METERR_RETENTION_DAYS ?? null,
    priceUnpricedLater: value.METERR_PRICE_UNPRICED_LATER,
    trustProxy: value.METERR_TRUST_PROXY,
    metricsOpen: value.METERR_METRICS_OPEN,
    usageQueueEvents: value.METERR_USAGE_QUEUE_EVENTS,
    authFailuresPerMinute: value.METERR_AUTH_FAILURES_PER_MINUTE,
    planRequests: value.METERR_PLAN_REQUESTS,
    rateLimitStore: readRateLimitStore(value),
    redisUrl: value.REDIS_URL ?? null,
    shutdownSeconds: value.METERR_SHUTDOWN_SECONDS,
    drainSeconds: value.METERR_DRAIN_SECONDS,
    keepAliveSeconds: value.METERR_KEEP_ALIVE_SECONDS,
    readTimeoutSeconds: value.METERR_READ_TIMEOUT_SECONDS,
    graphiql: value.METERR_GRAPHIQL,
    publicUrl: value.METERR_PUBLIC_URL ?? null,
    smtpUrl: value.SMTP_URL ?? null,
    mailFrom: value.METERR_MAIL_FROM,
    encryptionKey: value.METERR_ENCRYPTION_KEY ?? null,
    webhookRetrySeconds: value.METERR_WEBHOOK_RETRY_SECONDS,
    webhookAllowHttp: value.METERR_WEBHOOK_ALLOW_HTTP,
    webhookAllowPrivate: value.METERR_WEBHOOK_ALLOW_PRIVATE,
    priceFeeds: value.METERR_PRICE_FEEDS,
    exchangeRates: value.METERR_EXCHANGE_RATES,
  });
}
