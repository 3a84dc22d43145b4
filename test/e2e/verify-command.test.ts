import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { startNode } from '../harness/processes/node-process.ts';
import { SCRATCH_FOLDER } from '../harness/test-run.ts';
import { waitUntil } from '../harness/wait-until.ts';

// npm run verify where it cannot find out: one line that says why, and exit code 2.

let database: TestDatabase;
let sql: pg.Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = new pg.Pool({ connectionString: database.connectionString, max: 2 });
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

const verify = (url: string) => startNode('src/verify.ts', { DATABASE_URL: url });

async function failureAt(url: string): Promise<{ code: number | null; lines: string[] }> {
  const run = verify(url);
  return { code: await run.ended, lines: run.output().trim().split('\n') };
}

it('an unreachable database', async () => {
  const lines = [expect.stringMatching(/^Not verified: No connection to the database: /)];
  expect(await failureAt('postgresql://nobody@127.0.0.1:1/none')).toEqual({ code: 2, lines });
});

it('a database of an unreleased version', async () => {
  const old = await createTestDatabase();
  const client = new pg.Client(old.connectionString);
  await client.connect();
  await client.query(`UPDATE _prisma_migrations SET migration_name = '0_before', checksum = ''`);
  await client.end();
  const failure = await failureAt(old.connectionString);
  await old.drop();
  expect(failure).toEqual({ code: 2, lines: [expect.stringMatching(/^Not verified: .* unreleased version/)] });
});

it('no database in the folder: none is made there', async () => {
  const folder = join(SCRATCH_FOLDER, `nothing-${randomBytes(6).toString('hex')}`);
  const run = startNode('src/verify.ts', { METERR_DATA_DIR: folder });
  expect(await run.ended).toBe(2);
  expect(run.output()).toBe(
    `Not verified: There is no database in ${folder}: check METERR_DATA_DIR and DATABASE_URL.\n`,
  );
  expect(existsSync(folder)).toBe(false);
});

it.each([
  [
    'that holds nothing of Meterr',
    'DROP SCHEMA public CASCADE; CREATE SCHEMA public',
    'holds nothing of Meterr: check',
  ],
  [
    'of a newer Meterr',
    `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at)
     VALUES ('later', '', '20991231000000_later', now())`,
    'is newer than this Meterr: use',
  ],
  [
    'that is not migrated to its end',
    `UPDATE _prisma_migrations SET finished_at = NULL`,
    'has a migration that is unfin',
  ],
])('a database %s: it is left as it is', async (_, change, reason) => {
  const other = await createTestDatabase();
  const client = new pg.Client(other.connectionString);
  await client.connect();
  await client.query(change);
  const text = `SELECT relname, (SELECT sum(n) FROM (
    SELECT count(*) AS n FROM pg_class UNION ALL SELECT count(*) FROM pg_proc) c) AS objects FROM pg_class ORDER BY 1`;
  const before = (await client.query(text)).rows;
  const failure = await failureAt(other.connectionString);
  expect((await client.query(text)).rows).toEqual(before);
  await client.end();
  await other.drop();
  expect(failure).toEqual({ code: 2, lines: [expect.stringMatching(/^Not verified: The database \S+ on \S+ /)] });
  expect(failure.lines[0]).toContain(reason);
});

it('a table that another session keeps locked: after 5 s', async () => {
  const client = await sql.connect();
  await client.query('BEGIN; LOCK TABLE usage_days');
  const failure = await failureAt(database.connectionString);
  await client.query('ROLLBACK');
  client.release();
  const line = 'Not verified: another session kept a table locked for 5 s';
  expect(failure).toEqual({ code: 2, lines: [line] });
});

it.each(['SIGTERM', 'SIGINT'] as const)('%s ends it and its statement at once', async (name) => {
  const client = await sql.connect();
  await client.query('BEGIN; LOCK TABLE usage_days');
  const countStuck = async () =>
    (await sql.query(`SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%usage_days%'`)).rows
      .length;
  const run = verify(database.connectionString);
  await waitUntil('it waits for the lock', async () => (await countStuck()) > 0);
  const from = performance.now();
  run.signal(name);
  expect(await run.ended).toBe(2);
  expect(run.output()).toBe(`Interrupted by ${name}: not everything was compared.\n`);
  await waitUntil('its statement is gone', async () => (await countStuck()) === 0);
  // Well before the time after which it would have given up by itself.
  expect(performance.now() - from).toBeLessThan(3_000);
  await client.query('ROLLBACK');
  client.release();
});
