import { join, resolve } from 'node:path';
import { z } from 'zod';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
const MAX_PORT = 65_535;
/** Two record usage, one listens for jobs, and the rest of the work needs some too. */
const MIN_CONNECTIONS = 5;
const MIN_OPERATOR_KEY_LENGTH = 16;
/** What a header can carry unchanged, and no API key consists of. */
const OPERATOR_KEY = /^(?!mtr_live_)[\x21-\x7e]*$/;
/** Not repeated where they are refused: that line ends in a log. */
const SECRETS = new Set(['METERR_OPERATOR_KEY', 'DATABASE_URL']);

const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, `a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `a whole number from ${min} to ${max}`);

const flag = z.enum(['true', 'false'], 'true or false').transform((value) => value === 'true');

const schema = z.object({
  PORT: wholeNumber(0, MAX_PORT).default(4000),
  HOST: z.string().min(1, 'an address or host name to listen on').default('127.0.0.1'),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'a URL such as postgresql://user:password@host:5432/database')
    .optional(),
  METERR_DATA_DIR: z.string().min(1, 'a folder').default('.meterr'),
  METERR_DATABASE_CONNECTIONS: wholeNumber(MIN_CONNECTIONS, 500).default(12),
  METERR_LOG_LEVEL: z.enum(LOG_LEVELS, `one of ${LOG_LEVELS.join(', ')}`).default('info'),
  METERR_CORS_ORIGINS: z.string().default('*'),
  METERR_OPERATOR_KEY: z
    .string()
    .min(MIN_OPERATOR_KEY_LENGTH, `a secret of at least ${MIN_OPERATOR_KEY_LENGTH} characters`)
    .regex(OPERATOR_KEY, 'a secret of visible ASCII characters that does not begin with mtr_live_, as API keys do')
    .optional(),
  METERR_RETENTION_DAYS: wholeNumber(1, 36_500).optional(),
  METERR_TRUST_PROXY: flag.default(false),
  METERR_USAGE_QUEUE_EVENTS: wholeNumber(100, 10_000_000).default(50_000),
  METERR_AUTH_FAILURES_PER_MINUTE: wholeNumber(1, 1_000_000).default(120),
  METERR_SHUTDOWN_SECONDS: wholeNumber(1, 3_600).default(20),
  METERR_READ_TIMEOUT_SECONDS: wholeNumber(1, 3_600).default(10),
});

/** All that the environment can set, read once. Times in the unit of the name's last word. */
export interface Config {
  port: number;
  host: string;
  /** Null: the embedded PostgreSQL in `dataDir`. */
  databaseUrl: string | null;
  dataDir: string;
  databaseConnections: number;
  logLevel: (typeof LOG_LEVELS)[number];
  corsOrigins: string[];
  operatorKey: string | null;
  /** Null: raw events are never removed. */
  retentionDays: number | null;
  /** Whether `X-Forwarded-For` names the caller's address. */
  trustProxy: boolean;
  usageQueueEvents: number;
  authFailuresPerMinute: number;
  shutdownSeconds: number;
  /** How long one statement of a read may take. */
  readTimeoutSeconds: number;
}

/** A variable that holds what it must not; `message` names it and says what it accepts. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Reads the environment into a frozen Config.
 * @throws ConfigError naming each wrong variable, one a line.
 */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Readonly<Config> {
  const given = Object.fromEntries(Object.keys(schema.shape).map((name) => [name, env[name] || undefined]));
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => {
      const name = String(issue.path[0]);
      const shown = SECRETS.has(name) ? '(hidden)' : env[name];
      return `${name}=${shown} is not accepted: it takes ${issue.message}.`;
    });
    throw new ConfigError(lines.join('\n'));
  }
  const value = parsed.data;
  return Object.freeze({
    port: value.PORT,
    host: value.HOST,
    databaseUrl: value.DATABASE_URL ?? null,
    dataDir: resolve(join(import.meta.dirname, '..'), value.METERR_DATA_DIR),
    databaseConnections: value.METERR_DATABASE_CONNECTIONS,
    logLevel: value.METERR_LOG_LEVEL,
    corsOrigins: value.METERR_CORS_ORIGINS.split(',').map((origin) => origin.trim()),
    operatorKey: value.METERR_OPERATOR_KEY ?? null,
    retentionDays: value.METERR_RETENTION_DAYS ?? null,
    trustProxy: value.METERR_TRUST_PROXY,
    usageQueueEvents: value.METERR_USAGE_QUEUE_EVENTS,
    authFailuresPerMinute: value.METERR_AUTH_FAILURES_PER_MINUTE,
    shutdownSeconds: value.METERR_SHUTDOWN_SECONDS,
    readTimeoutSeconds: value.METERR_READ_TIMEOUT_SECONDS,
  });
}
