import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { verifyBudgets } from '../../src/domain/budgets/verify-budgets.ts';
import { verifyUsage } from '../../src/domain/usage/upkeep/verify-usage.ts';
import { parseId } from '../../src/platform/ids.ts';
import { openDatabase } from '../../src/platform/postgres/database.ts';
import type { UsageSummaryAnswer } from '../harness/answers.ts';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { makeOrganization, makeUsage } from '../harness/make.ts';
import { type ServerProcess, startServer } from '../harness/processes/server-process.ts';
import { type JobAnswer, makeOwnPrice, type RepriceAnswer, waitForJob } from '../harness/reprice.ts';
import { waitUntil } from '../harness/wait-until.ts';

const EVENTS = 1_500;
const NOW_MS = Date.parse('2026-11-22T10:00:00Z');
const RANGE = { start: '2026-11-01T00:00:00Z', end: '2026-12-01T00:00:00Z' };
let database: TestDatabase;
let sql: pg.Pool;
let killed: ServerProcess;
let other: ServerProcess;

beforeAll(async () => {
  database = await createTestDatabase();
  const { connectionString } = database;
  sql = new pg.Pool({ connectionString, max: 4 });
  killed = await startServer({ connectionString, key: '', nowMs: NOW_MS });
  other = await startServer({ connectionString, key: '', nowMs: NOW_MS });
});

afterAll(async () => {
  await other.stop();
  await sql.end();
  await database.drop();
});

it('a job whose process is killed in the middle is gone on with by another one: exact to the last digit', async () => {
  const organization = await makeOrganization({ sql });
  const key = organization.key.secret;
  await other.ok('POST', '/v1/budgets', { key, body: { name: 'Each', amount: '5', period: 'day', per: 'user' } });
  // The first half is on one day, the second half on the next.
  const events = Array.from({ length: EVENTS }, (_, i) => ({
    timestamp: new Date(Date.UTC(2026, 10, 20 + Math.floor((2 * i) / EVENTS), 0, 0, i)),
    user_id: `u-${i % 5}`,
    input_tokens: 1_000 + i,
  }));
  await makeUsage(other, key, events);
  await makeOwnPrice({ sql }, organization, { input: '3.333333333333', output: '0.000000000001' });
  const body = { ...RANGE, dry_run: true };
  const { dry_run: _, ...expected } = await other.ok<RepriceAnswer & { dry_run: boolean }>(
    'POST',
    '/v1/prices/reprice',
    {
      ...{ key, body },
    },
  );
  expect(expected).toMatchObject({ events: EVENTS, changed: EVENTS });

  // Whoever writes to the sums of the second day waits: so the job stands in its middle.
  const blocker = await sql.connect();
  await blocker.query('BEGIN');
  const lock = "SELECT FROM usage_days WHERE organization_id = $1 AND bucket = '2026-11-21Z' FOR UPDATE";
  await blocker.query(lock, [organization.uuid]);
  const { id } = await killed.ok<JobAnswer>('POST', '/v1/prices/reprice', { key, body: RANGE });
  const getJob = () => other.ok<JobAnswer>('GET', `/v1/jobs/${id}`, { key });
  await waitUntil('it stands', async () => {
    const { rows } = await sql.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query ~ 'record_usage'`,
    );
    return rows.length > 0;
  });
  await killed.kill();
  await blocker.query('ROLLBACK');
  blocker.release();
  const middle = await getJob();
  expect(middle).toMatchObject({ status: 'running', result: null });
  expect(middle.progress.done).toBeGreaterThan(0);
  expect(middle.progress.done).toBeLessThanOrEqual(EVENTS / 2);

  // The lease of the one that was killed has not run out; then it has.
  await sql.query('UPDATE jobs SET held_until = now() WHERE id = $1', [parseId('job', id)]);
  const ended = await waitForJob(other, key, id);
  expect(ended).toMatchObject({ status: 'done', progress: { done: EVENTS, total: EVENTS } });
  expect(ended.result).toEqual(expected);
  const { rows } = await sql.query(
    `SELECT count(*)::int AS rows, count(DISTINCT adjusts_id)::int AS events FROM usage_events
      WHERE organization_id = $1 AND adjusts_id IS NOT NULL`,
    [organization.uuid],
  );
  expect(rows).toEqual([{ rows: EVENTS, events: EVENTS }]);
  const { totals } = await other.ok<UsageSummaryAnswer>('GET', `/v1/usage?start=${RANGE.start}`, { key });
  expect(totals.cost).toBe(expected.cost_after);
  const checked = openDatabase({ connectionString: database.connectionString, connections: 1, onError: () => {} });
  expect([...(await verifyUsage(checked)), ...(await verifyBudgets(checked))]).toEqual([]);
  await checked.close();
});

it('a server that stops leaves its job to the others at once', async () => {
  const { connectionString } = database;
  const organization = await makeOrganization({ sql });
  const key = organization.key.secret;
  await makeUsage(other, key, [{}]);
  await makeOwnPrice({ sql }, organization, { input: '5', output: '20' });
  const stopping = await startServer({ connectionString, key: '', nowMs: NOW_MS });
  const blocker = await sql.connect();
  await blocker.query('BEGIN');
  await blocker.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [organization.uuid]);
  const { id } = await stopping.ok<JobAnswer>('POST', '/v1/prices/reprice', { key, body: RANGE });
  const holderOf = async () =>
    (await sql.query('SELECT holder FROM jobs WHERE id = $1', [parseId('job', id)])).rows[0].holder;
  await waitUntil('it is taken', async () => (await holderOf()) !== null);
  const first = await holderOf();
  await stopping.stop();
  await waitUntil('another one has it', async () => ![null, first].includes(await holderOf()));
  await blocker.query('ROLLBACK');
  blocker.release();
  expect(await waitForJob(other, key, id)).toMatchObject({
    status: 'done',
    result: { changed: 1, difference: '0.0075' },
  });
});
