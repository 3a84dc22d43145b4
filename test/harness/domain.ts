import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { identify } from '../../src/domain/access/identify.ts';
import type { Context, Resources } from '../../src/domain/context.ts';
import { openResources } from '../../src/domain/open-resources.ts';
import type { UsageRow } from '../../src/domain/usage/event/usage-event.ts';
import type { UsageInput } from '../../src/domain/usage/event/usage-input.ts';
import { prepareUsage } from '../../src/domain/usage/prepare/prepare-usage.ts';
import { DEFAULT_NOW } from './app.ts';
import { createTestDatabase } from './database.ts';
import { EVENT_INPUT, type MadeOrganization } from './make.ts';
import { waitUntil } from './wait-until.ts';

/** The resources of a server without doors, for situations that no request can create. */
export interface TestDomain {
  resources: Resources;
  sql: pg.Pool;
  /** Returns a context of the organization's owner. */
  contextOf(organization: MadeOrganization): Promise<Context>;
  close(): Promise<void>;
}

export interface TestDomainOptions {
  env?: Record<string, string>;
  /** An existing database, on which this is a second process. */
  connectionString?: string;
}

export async function openTestDomain(options: TestDomainOptions = {}): Promise<TestDomain & { url: string }> {
  const database = options.connectionString ? null : await createTestDatabase();
  const connectionString = options.connectionString ?? database?.connectionString ?? '';
  const config = readConfig({ METERR_DATABASE_CONNECTIONS: '6', METERR_PRICE_FEEDS: 'off', ...options.env });
  const clock = () => Date.parse(DEFAULT_NOW);
  const resources = await openResources({ config, log: pino({ level: 'silent' }), connectionString, clock });
  const sql = new pg.Pool({ connectionString, max: 4 });
  // A test may terminate connections.
  sql.on('error', () => {});
  return {
    resources,
    sql,
    url: connectionString,
    async contextOf({ key }) {
      const caller = await identify(resources, `Bearer ${key.secret}`);
      return { resources, caller, requestId: 'a test', address: 'local' };
    },
    async close() {
      await resources.close();
      await sql.end();
      await database?.drop();
    },
  };
}

/** Opens one domain for the calling file. */
export function useTestDomain(options: TestDomainOptions = {}): () => TestDomain & { url: string } {
  let opened: (TestDomain & { url: string }) | undefined;
  beforeAll(async () => {
    opened = await openTestDomain(options);
  });
  afterAll(async () => {
    await opened?.close();
  });
  return () => {
    if (!opened) throw new Error('The domain is open only while tests run.');
    return opened;
  };
}

/** Makes rows for the ledger, each from `EVENT_INPUT` and the given fields. */
export async function makeRows(context: Context, inputs: readonly Partial<UsageInput>[]): Promise<UsageRow[]> {
  const prepared = await prepareUsage(
    context,
    inputs.map((input) => ({ ...EVENT_INPUT, ...input })),
  );
  return prepared.map((one) => {
    if ('error' in one) throw one.error;
    return one.row;
  });
}

/** Clones of a template share its oids, so only locks of this database are counted. */
export async function countWaiting(sql: pg.Pool, table: string): Promise<number> {
  const { rows } = await sql.query<{ waiting: number }>(
    `SELECT count(*) AS waiting FROM pg_locks l JOIN pg_database d ON d.oid = l.database
      WHERE d.datname = current_database() AND l.relation = $1::regclass AND NOT l.granted`,
    [table],
  );
  return rows[0]?.waiting ?? 0;
}

/** Backends of this database that wait for a lock of any kind. */
export async function countBlocked(sql: pg.Pool): Promise<number> {
  const { rows } = await sql.query<{ blocked: number }>(
    `SELECT count(*) AS blocked FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return rows[0]?.blocked ?? 0;
}

/** A transaction that holds the lock of the organization, so that other writers wait for it. */
export interface Blockade {
  /** Resolves when `writers` backends wait, with their process ids. */
  waiting(writers?: number): Promise<number[]>;
  release(): Promise<void>;
}

export async function blockWriters(sql: pg.Pool, organizationUuid: string): Promise<Blockade> {
  const client = await sql.connect();
  await client.query('BEGIN');
  await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [organizationUuid]);
  const listWaiting = async () => {
    const { rows } = await sql.query<{ pid: number }>(
      `SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
        WHERE l.locktype = 'advisory' AND NOT l.granted`,
    );
    return rows.map(({ pid }) => pid);
  };
  return {
    async waiting(writers = 1) {
      let pids: number[] = [];
      await waitUntil(`${writers} writers wait`, async () => {
        pids = await listWaiting();
        return pids.length === writers;
      });
      return pids;
    },
    async release() {
      await client.query('ROLLBACK');
      client.release();
    },
  };
}
