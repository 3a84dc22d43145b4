import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, expect, inject, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { startMain } from '../harness/processes/main-process.ts';
import { type NodeProcess, startNode } from '../harness/processes/node-process.ts';
import { removeClusters } from '../harness/processes/remove-clusters.ts';
import { requireNothingLeft } from '../harness/processes/require-nothing-left.ts';
import { waitUntil } from '../harness/wait-until.ts';

// SIGTERM while a server is still starting: it ends what it has begun, and the next start succeeds.

const TIMEOUT_MS = 120_000;
/** With a margin for a busy machine: nothing of it waits for anything. */
const ENDS_WITHIN_MS = 5_000;
const scratch = join(
  import.meta.dirname,
  '../../.meterr/test-scratch',
  `interrupted-${randomBytes(6).toString('hex')}`,
);
let starting: NodeProcess | null = null;
let database: TestDatabase | null = null;

afterEach(async () => {
  starting?.signal('SIGKILL');
  await starting?.ended;
  await database?.drop();
  database = null;
}, TIMEOUT_MS);
afterAll(() => removeClusters(scratch), TIMEOUT_MS);

async function interrupt(begun: NodeProcess): Promise<void> {
  const from = performance.now();
  begun.signal('SIGTERM');
  expect({ code: await begun.ended, output: begun.output().trim() }).toEqual({
    code: 0,
    output: 'SIGTERM: finishing what is in flight.',
  });
  expect(performance.now() - from).toBeLessThan(ENDS_WITHIN_MS);
}

/** Each stage of a first start, and the file by which it shows. */
const STAGES = [
  ['initdb fills the data folder', 'postgres/data.partial/PG_VERSION'],
  ['PostgreSQL comes up', 'postgres/data/postmaster.pid'],
  ['the database is migrated', 'postgres.users'],
] as const;

it.each(STAGES)(
  'while %s: nothing is left running, and the next start succeeds',
  async (_, file) => {
    const dataDir = join(scratch, randomBytes(6).toString('hex'));
    await mkdir(dataDir, { recursive: true });
    const env = { METERR_DATA_DIR: dataDir, PORT: '0', METERR_LOG_LEVEL: 'warn' };
    starting = startNode('src/main.ts', env);
    await waitUntil(`there is ${file}`, () => existsSync(join(dataDir, file)));
    await interrupt(starting);
    await requireNothingLeft(dataDir);
    const server = await startMain(env);
    expect(await server.stop()).toBe(0);
    await requireNothingLeft(dataDir);
  },
  TIMEOUT_MS,
);

/**
 * Locks of a start that another process holds, and what its own connections are to do meanwhile:
 * nothing.
 */
const LOCKS = [
  ['another process migrates', 'DELETE FROM _prisma_migrations; SELECT pg_advisory_lock(6384377001)'],
  ['a migration waits for a table', 'DELETE FROM _prisma_migrations; BEGIN; LOCK TABLE _prisma_migrations'],
  ['another process imports prices', 'TRUNCATE catalog_entries, catalog_versions; SELECT pg_advisory_lock(6384377002)'],
  ['another process makes the first organization', 'SELECT pg_advisory_lock(6384377003)'],
] as const;

it.each(LOCKS)(
  'while %s: it ends at once, and its statement on the server too',
  async (_, lock) => {
    database = await createTestDatabase();
    const { connectionString } = database;
    const name = new URL(connectionString).pathname.slice(1);
    const [holder, watcher] = [new pg.Client({ connectionString }), new pg.Client(inject('postgresUrl'))];
    await Promise.all([holder.connect(), watcher.connect()]);
    try {
      await holder.query(lock);
      const countStuck = async () => {
        const text = `SELECT FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'`;
        return (await watcher.query(text, [name])).rows.length;
      };
      starting = startNode('src/main.ts', { DATABASE_URL: connectionString, PORT: '0', METERR_LOG_LEVEL: 'error' });
      await waitUntil('it waits for the lock', async () => (await countStuck()) > 0);
      await interrupt(starting);
      await waitUntil('its statement is gone', async () => (await countStuck()) === 0);
    } finally {
      await Promise.all([holder.end(), watcher.end()]);
    }
  },
  TIMEOUT_MS,
);
