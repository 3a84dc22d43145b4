import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeBudget } from '../../doors/budget-answers.ts';
import { createTestApp, type TestApp } from '../../harness/app.ts';
import { openRaw, type RawClient, subscribe } from '../../harness/live-client.ts';
import { type MadeOrganization, makeOrganization, makeUsage } from '../../harness/make.ts';
import { OPERATOR_KEY } from '../../harness/operator-key.ts';
import { waitUntil } from '../../harness/wait-until.ts';

// Two processes on one database: one records, the other has the subscriber.

let recording: TestApp;
let following: TestApp;
let port: number;
let listener: pg.Client;
let organization: MadeOrganization;
const notices: { kind: string; topics: string[] }[] = [];
const opened: RawClient[] = [];

beforeAll(async () => {
  recording = await createTestApp({ through: 'fetch' });
  following = await createTestApp({
    through: 'fetch',
    env: { METERR_OPERATOR_KEY: OPERATOR_KEY },
    connectionString: recording.connectionString,
  });
  ({ port } = await following.app.listen(0, '127.0.0.1'));
  listener = new pg.Client({ connectionString: recording.connectionString });
  await listener.connect();
  await listener.query('LISTEN meterr_notices');
  listener.on('notification', ({ payload }) => notices.push(JSON.parse(payload ?? '')));
  organization = await makeOrganization(recording);
  await makeBudget(recording, organization, { amount: '0.1', per: 'user', thresholds: [] });
});

afterAll(async () => {
  for (const { socket } of opened) socket.terminate();
  await listener.end();
  await following.close();
  await recording.close();
});

let users = 0;
const cross = () => makeUsage(recording, organization.key.secret, [{ cost: '0.1', user_id: `user-${users++}` }]);
const wakes = () => notices.filter(({ kind }) => kind === 'wake').length;

async function open(): Promise<RawClient> {
  const client = await openRaw(port, organization.key.secret);
  opened.push(client);
  await subscribe(following, client, 'a', 'subscription { events { id } }');
  return client;
}

/** Connections that listen, by the process id of their backend. */
async function listeners(): Promise<number[]> {
  const { rows } = await recording.sql.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> $1
        AND (query LIKE 'LISTEN meterr_notices' OR query LIKE '%pg_notify%') AND query NOT LIKE '%pg_stat_activity%'`,
    [(listener as unknown as { processID: number }).processID],
  );
  return rows.map(({ pid }) => pid);
}

it('recording sends no notice while nobody follows the organization', async () => {
  for (let i = 0; i < 5; i++) await cross();
  // A change is announced in any case, on the same connection and after what came before it.
  await recording.ok('POST', '/v1/budgets', {
    key: organization.key.secret,
    body: { name: 'b', amount: '1000', period: 'month' },
  });
  await waitUntil('the change is announced', () => notices.some(({ kind }) => kind === 'change'));
  expect(wakes()).toBe(0);
});

it('another process is woken by at most one notice a transaction', async () => {
  const client = await open();
  await waitUntil('the other process knows that it is followed', async () => {
    await cross();
    return wakes() > 0;
  });
  const before = wakes();
  for (let i = 0; i < 5; i++) await cross();
  await waitUntil('all are told', () => client.told('a').length >= users - 5 - 1);
  expect(wakes() - before).toBeLessThanOrEqual(6);
});

it('a listener that the database cuts off loses only time, and comes back', async () => {
  const client = await open();
  const pids = await listeners();
  expect(pids).toHaveLength(2);
  await recording.sql.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS l(pid)', [pids]);
  await cross();
  await waitUntil('it is told', () => client.told('a').length === 1);
  await waitUntil('both listen again', async () => {
    const now = await listeners();
    return now.length === 2 && now.every((pid) => !pids.includes(pid));
  });
  const before = wakes();
  await waitUntil('notices are sent again', async () => {
    await cross();
    return wakes() > before;
  });
});
