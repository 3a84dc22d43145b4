import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AppError } from '../../src/platform/errors.ts';
import { type Database, openDatabase } from '../../src/platform/postgres/database.ts';
import { isCancelled } from '../../src/platform/postgres/pool/database-errors.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { waitUntil } from '../harness/wait-until.ts';

// Work on the database that is given up: what it did is rolled back, and its statement does not go
// on in the server.

let test: TestDatabase;
let watcher: pg.Client;
/** One connection: the next user gets the one that was cancelled, if it is given back. */
let database: Database;

beforeAll(async () => {
  test = await createTestDatabase();
  const { connectionString } = test;
  watcher = new pg.Client({ connectionString });
  await watcher.connect();
  await watcher.query('CREATE TABLE notes (note text)');
  database = openDatabase({ connectionString, connections: 1, onError: () => {} });
});
afterAll(async () => {
  await database.close();
  await watcher.end();
  await test.drop();
});

const SLEEP = 'SELECT pg_sleep(600)';
const countSleepers = async () => {
  const { rows } = await watcher.query(`SELECT FROM pg_stat_activity WHERE state = 'active' AND query = $1`, [SLEEP]);
  return rows.length;
};
const sleeps = () => waitUntil('the statement runs', async () => (await countSleepers()) === 1);
const isGone = () => waitUntil('the statement has ended', async () => (await countSleepers()) === 0);
const notes = async () => (await watcher.query('SELECT note FROM notes')).rows;

it('an aborted signal cancels the running statement and rolls the transaction back; the pool goes on', async () => {
  const stopping = new AbortController();
  const { signal } = stopping;
  const reason = new Error('enough');
  const work = database.transaction(
    async (sql) => {
      await sql.query(`INSERT INTO notes VALUES ('never')`);
      await sql.query(SLEEP);
    },
    { signal },
  );
  await sleeps();
  const waiting = database.snapshot((sql) => sql.query('SELECT 1'), { signal });
  stopping.abort(reason);
  // The second waited for a connection, and no longer does.
  const outcomes = await Promise.allSettled([work, waiting]);
  expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason)).toEqual([reason, reason]);
  await isGone();
  await expect(database.transaction((sql) => sql.query('SELECT 1'), { signal })).rejects.toBe(reason);
  expect(await notes()).toEqual([]);
  expect((await database.snapshot((sql) => sql.query('SELECT 1 AS one'))).rows).toEqual([{ one: 1 }]);
});

it('work that pays no attention to its cancelled statement is abandoned after a second, and commits nothing', async () => {
  const stopping = new AbortController();
  const work = database.transaction(
    async (sql) => {
      await sql.query('SAVEPOINT before');
      for (;;) {
        await sql.query(SLEEP).catch(() => {});
        await sql.query(`ROLLBACK TO before; INSERT INTO notes VALUES ('again')`);
      }
    },
    { signal: stopping.signal },
  );
  await sleeps();
  stopping.abort(new Error('enough'));
  await expect(work).rejects.toThrow('enough');
  await isGone();
  expect(await notes()).toEqual([]);
});

it('a statement that takes longer than its limit fails as cancelled, and the limit ends with its transaction', async () => {
  const failure = await database.snapshot((sql) => sql.query(SLEEP), { timeoutMs: 50 }).catch((error) => error);
  expect(isCancelled(failure)).toBe(true);
  await isGone();
  const { rows } = await database.pool.query('SHOW statement_timeout');
  expect(rows).toEqual([{ statement_timeout: '0' }]);
});

it('a database that is cancelled ends what runs for everybody, and refuses the rest as unavailable', async () => {
  const { connectionString } = test;
  const own = openDatabase({ connectionString, connections: 2, onError: () => {} });
  const session = own.openSession();
  const work = session.query({ name: 'sleep', text: SLEEP, values: [] }).catch((error) => error);
  await sleeps();
  own.cancel();
  expect(isCancelled(await work)).toBe(true);
  session.close();
  await expect(own.transaction((sql) => sql.query('SELECT 1'))).rejects.toThrow(AppError);
  expect(isCancelled(await own.pool.query('SELECT 1').catch((error) => error))).toBe(true);
  await own.close();
  await isGone();
});
