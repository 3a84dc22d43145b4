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

/** What a server process works with, without its doors: for what no door can arrange. */
export interface TestDomain {
  resources: Resources;
  sql: pg.Pool;
  /** As the owner of the organization. */
  contextOf(organization: MadeOrganization): Promise<Context>;
  close(): Promise<void>;
}

export interface TestDomainOptions {
  env?: Record<string, string>;
  /** A database that is there already: another process's worth of domain on it. */
  connectionString?: string;
}

export async function openTestDomain(options: TestDomainOptions = {}): Promise<TestDomain & { url: string }> {
  const database = options.connectionString ? null : await createTestDatabase();
  const connectionString = options.connectionString ?? database?.connectionString ?? '';
  const config = readConfig({ METERR_DATABASE_CONNECTIONS: '6', ...options.env });
  const clock = () => Date.parse(DEFAULT_NOW);
  const resources = await openResources({ config, log: pino({ level: 'silent' }), connectionString, clock });
  const sql = new pg.Pool({ connectionString, max: 4 });
  // A test may end connections by force.
  sql.on('error', () => {});
  return {
    resources,
    sql,
    url: connectionString,
    async contextOf({ key }) {
      const caller = await identify(resources, `Bearer ${key.secret}`);
      return { resources, caller, requestId: 'a test' };
    },
    async close() {
      await resources.close();
      await sql.end();
      await database?.drop();
    },
  };
}

/** One for the calling file. */
export function useTestDomain(options: TestDomainOptions = {}): () => TestDomain & { url: string } {
  let opened: (TestDomain & { url: string }) | undefined;
  beforeAll(async () => {
    opened = await openTestDomain(options);
  });
  afterAll(async () => {
    await opened?.close();
  });
  return () => {
    if (!opened) throw new Error('The domain is open while tests run only.');
    return opened;
  };
}

/** Events ready for the ledger, each `EVENT_INPUT` with what is given. */
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

/**
 * How many wait for a lock on the table. Clones of one template have the same oids: only this
 * database counts.
 */
export async function countWaiting(sql: pg.Pool, table: string): Promise<number> {
  const { rows } = await sql.query<{ waiting: number }>(
    `SELECT count(*) AS waiting FROM pg_locks l JOIN pg_database d ON d.oid = l.database
      WHERE d.datname = current_database() AND l.relation = $1::regclass AND NOT l.granted`,
    [table],
  );
  return rows[0]?.waiting ?? 0;
}

/** A writer of the organization that is not done: others wait for it until it is let go. */
export interface Blockade {
  /** Resolves when so many writers wait, and who they are: process ids of the database. */
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
