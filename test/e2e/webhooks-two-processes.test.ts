import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../harness/database.ts';
import { type MadeOrganization, makeOrganization } from '../harness/make.ts';
import { type ServerProcess, startServer } from '../harness/processes/server-process.ts';
import { answerWith, type Receiver, startReceiver } from '../harness/receiver.ts';
import { waitUntil } from '../harness/wait-until.ts';

const ENV = { METERR_WEBHOOK_ALLOW_HTTP: 'true', METERR_WEBHOOK_ALLOW_PRIVATE: 'true' };
const LEASE_MS = 30_000;

let database: TestDatabase;
let sql: pg.Pool;
let receiver: Receiver;
const servers = new Set<ServerProcess>();

beforeAll(async () => {
  database = await createTestDatabase();
  sql = new pg.Pool({ connectionString: database.connectionString, max: 3 });
});
afterEach(async () => {
  for (const server of servers) await server.stop();
  servers.clear();
  await receiver?.close();
});
afterAll(async () => {
  await sql?.end();
  await database?.drop();
});

async function start(nowMs: number): Promise<ServerProcess> {
  const { connectionString } = database;
  const server = await startServer({ connectionString, key: '', nowMs, env: ENV });
  servers.add(server);
  return server;
}

async function setUp(server: ServerProcess): Promise<MadeOrganization> {
  receiver = await startReceiver();
  const organization = await makeOrganization({ sql });
  const body = { url: receiver.url, events: ['usage.exceeded'] };
  await server.ok('POST', '/v1/webhooks', { key: organization.key.secret, body });
  return organization;
}

/** Makes budgets of users, each of whom exceeds his with the first event. */
async function makeBudgets(server: ServerProcess, { key }: MadeOrganization): Promise<void> {
  const body = { name: 'Each user', amount: '0.000001', period: 'month', per: 'user', thresholds: [] };
  await server.ok('POST', '/v1/budgets', { key: key.secret, body });
}

function record(server: ServerProcess, { key }: MadeOrganization, userId: string): Promise<unknown> {
  const body = { provider: 'openai', model: 'gpt-4o', input_tokens: 1_000, output_tokens: 0, user_id: userId };
  return server.ok('POST', '/v1/usage', { key: key.secret, body });
}

async function readRows({ uuid }: MadeOrganization) {
  const { rows } = await sql.query<{ event: string; deliveries: number; succeeded: number }>(
    `SELECT e.data ->> 'subject' AS event, count(d.id)::int AS deliveries,
            count(d.id) FILTER (WHERE d.status = 'succeeded')::int AS succeeded
       FROM events e LEFT JOIN webhook_deliveries d ON d.organization_id = e.organization_id AND d.event_id = e.id
      WHERE e.organization_id = $1 GROUP BY e.id, e.position, e.data ORDER BY e.position`,
    [uuid],
  );
  return rows;
}

it('what a process had on its way when it was killed -9 arrives by another one after 30 seconds, under the same id', async () => {
  const nowMs = Date.now();
  const first = await start(nowMs);
  const organization = await setUp(first);
  await makeBudgets(first, organization);
  receiver.behave(() => {});
  for (let user = 0; user < 5; user++) await record(first, organization, `user-${user}`);
  await receiver.waitFor(1);
  const second = await start(nowMs);
  await first.kill();
  servers.delete(first);
  const before = receiver.received.map(({ headers }) => headers['webhook-id']);
  receiver.behave(answerWith(200));
  await second.setNow(nowMs + LEASE_MS + 1_000);
  await waitUntil('all have arrived', async () =>
    (await readRows(organization)).every(({ succeeded }) => succeeded === 1),
  );
  const rows = await readRows(organization);
  expect(rows).toHaveLength(5);
  expect(rows.every(({ deliveries }) => deliveries === 1)).toBe(true);
  const after = receiver.received.slice(before.length).map(({ headers }) => headers['webhook-id']);
  expect(new Set(after).size).toBe(5);
  for (const id of before) expect(after).toContain(id);
});

it('parallel writers on two processes make one delivery an event, and a receiver gets all in the order of the log, once', async () => {
  const nowMs = Date.now();
  const [one, two] = [await start(nowMs), await start(nowMs)];
  const organization = await setUp(one);
  await makeBudgets(one, organization);
  const writers = Array.from({ length: 4 }, async (_, writer) => {
    for (let i = 0; i < 50; i++) await record(writer % 2 === 0 ? one : two, organization, `user-${i}-${writer}`);
  });
  await Promise.all(writers);
  await receiver.waitFor(200);
  await waitUntil('all are written', async () =>
    (await readRows(organization)).every(({ succeeded }) => succeeded === 1),
  );
  const rows = await readRows(organization);
  expect(rows).toHaveLength(200);
  expect(rows.every(({ deliveries }) => deliveries === 1)).toBe(true);
  expect(receiver.received.map(({ body }) => JSON.parse(body).data.subject)).toEqual(rows.map(({ event }) => event));
});
