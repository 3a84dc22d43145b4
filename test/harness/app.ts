import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, inject } from 'vitest';
import { type App, createApp } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import type { Log } from '../../src/platform/log.ts';
import { type Calls, createCalls, fetchDoor, socketDoor } from './calls.ts';
import { createTestDatabase } from './database.ts';
import type { MadeOrganization } from './make.ts';
import { typeIdsOf } from './make.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Whether calls go through `app.fetch` or a real socket, see vitest.config.ts. */
    through: Through;
  }
}

type Through = 'fetch' | 'socket';

/** The clock of the domain. It stands still until a test moves it. */
export interface TestClock {
  now(): number;
  /** Sets the clock to an RFC 3339 time or epoch milliseconds. */
  set(time: string | number): void;
  advance(ms: number): void;
}

export interface LogLine extends Record<string, unknown> {
  level: number;
  msg: string;
}

export interface TestAppOptions {
  env?: Record<string, string>;
  now?: string | number;
  /** The default is that of the vitest project. */
  through?: Through;
  /** After how long a connection on which nothing moves is dropped. */
  stalledMs?: number;
  /** As in `AppOptions`. */
  catalogLookMs?: number;
  /** An existing database, on which this app is a second process. */
  connectionString?: string;
}

/** An app on its own database, with what tests need besides. */
export interface TestApp extends Calls {
  app: App;
  /** Connections to the same database, to prepare data and to check what is stored. */
  sql: pg.Pool;
  connectionString: string;
  /** The first organization. Its plan is enterprise, so it has no limits. */
  organization: MadeOrganization;
  /** The secret of its owner's key, scope `admin`, which calls use by default. */
  adminKey: string;
  clock: TestClock;
  /** The log lines so far, of level warn and above. */
  logged: LogLine[];
  close(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';
/** A pause that no test outlives: what would be looked at then is not. */
export const NEVER_MS = 2 ** 31 - 1;
export const DEFAULT_NOW = '2026-11-22T10:00:00.000Z';

function createClock(now: string | number): TestClock {
  let timeMs = new Date(now).getTime();
  return {
    now: () => timeMs,
    set: (time) => {
      timeMs = new Date(time).getTime();
    },
    advance: (ms) => {
      timeMs += ms;
    },
  };
}

function createRecordingLog(logged: LogLine[]): Log {
  return pino({ level: 'warn' }, { write: (line: string) => logged.push(JSON.parse(line)) });
}

/** Opens an app. Prefer {@link useTestApp}, which opens one app for a whole file. */
export async function createTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const database = options.connectionString ? null : await createTestDatabase();
  const connectionString = options.connectionString ?? database?.connectionString ?? '';
  const clock = createClock(options.now ?? DEFAULT_NOW);
  const logged: LogLine[] = [];
  const through = options.through ?? inject('through');
  // Over a socket all tests have one address, so X-Forwarded-For carries other ones.
  const config = readConfig({
    METERR_DATABASE_CONNECTIONS: '6',
    METERR_TRUST_PROXY: '1',
    METERR_PRICE_FEEDS: 'off',
    ...options.env,
  });
  const log = createRecordingLog(logged);
  const { stalledMs, catalogLookMs } = options;
  const app = await createApp({
    config,
    log,
    clock: clock.now,
    connectionString,
    ...(stalledMs ? { stalledMs } : {}),
    ...(catalogLookMs ? { catalogLookMs } : {}),
  });
  const door = through === 'fetch' ? fetchDoor(app) : socketDoor((await app.listen(0, LOOPBACK)).port);
  const sql = new pg.Pool({ connectionString, max: 3 });
  const first = app.firstOrganization;
  const adminKey = first?.secret ?? '';
  const organization = typeIdsOf(first ?? { organizationId: '', apiKeyId: '', secret: '' });
  return {
    app,
    sql,
    connectionString,
    organization,
    adminKey,
    clock,
    logged,
    ...createCalls(door, adminKey),
    async close() {
      await app.close();
      await sql.end();
      await database?.drop();
    },
  };
}

/**
 * Opens one app for the calling file (or `describe`) before its tests and closes it after them.
 *
 *     const meterr = useTestApp();
 *     it('...', async () => { const { rest } = meterr(); ... });
 */
export function useTestApp(options: TestAppOptions = {}): () => TestApp {
  let opened: TestApp | undefined;
  beforeAll(async () => {
    opened = await createTestApp(options);
  });
  afterAll(async () => {
    await opened?.close();
  });
  return () => {
    if (!opened) throw new Error('The app is open only while tests run.');
    return opened;
  };
}
