import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../harness/database.ts';
import { openRaw, type RawClient, subscribe } from '../../harness/live-client.ts';
import { EVENT, makeOrganization } from '../../harness/make.ts';
import { OPERATOR_KEY } from '../../harness/operator-key.ts';
import { type ServerProcess, startServer } from '../../harness/processes/server-process.ts';
import { type Receiver, startReceiver } from '../../harness/receiver.ts';
import { waitUntil } from '../../harness/wait-until.ts';

const ENV = {
  METERR_OPERATOR_KEY: OPERATOR_KEY,
  METERR_WEBHOOK_ALLOW_HTTP: 'true',
  METERR_WEBHOOK_ALLOW_PRIVATE: 'true',
};
const MODELS = ['new-a', 'new-b', 'new-c'];
const CLIENTS = 12;
const SUBSCRIPTION = `subscription { events(types: [USAGE_UNPRICED]) {
  id event payload { ... on UsageUnpriced { provider model serviceTier reason usageId } } } }`;

let database: TestDatabase;
let sql: pg.Pool;
let receiver: Receiver;
let servers: ServerProcess[] = [];
const clients: RawClient[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  sql = new pg.Pool({ connectionString: database.connectionString, max: 2 });
  receiver = await startReceiver();
  const { connectionString } = database;
  const start = () => startServer({ connectionString, key: '', env: ENV });
  servers = [await start(), await start()];
});
afterAll(async () => {
  for (const { socket } of clients) socket.terminate();
  for (const server of servers) await server.stop();
  await receiver?.close();
  await sql?.end();
  await database?.drop();
});

interface Told {
  events: { id: string; event: string; payload: { provider: string; model: string; usageId: string } };
}

it('usage of unknown models, recorded by many at both processes, is told once a model to subscribers and webhooks', async () => {
  const { key } = await makeOrganization({ sql });
  const options = { key: key.secret };
  await servers[0]?.ok('POST', '/v1/webhooks', { ...options, body: { url: receiver.url, events: ['usage.unpriced'] } });
  for (const server of servers) {
    const client = await openRaw(server.port, key.secret);
    clients.push(client);
    await subscribe(server, client, 'unpriced', SUBSCRIPTION);
  }
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, at) => {
      const server = servers[at % 2] as ServerProcess;
      for (let round = 0; round < MODELS.length; round++) {
        const body = { ...EVENT, model: MODELS[(at + round) % MODELS.length] };
        if (at % 3 === 0) await server.ok('POST', '/v1/usage/batch', { ...options, body: { events: [body, body] } });
        else await server.ok('POST', '/v1/usage', { ...options, body });
      }
    }),
  );
  const toldOf = (client: RawClient) => client.told<Told>('unpriced').map(({ events }) => events);
  await waitUntil('both are told', () => clients.every((client) => toldOf(client).length >= MODELS.length));
  const [one = [], other = []] = clients.map(toldOf);
  expect(other).toEqual(one);
  expect(one.map(({ payload }) => payload.model).toSorted()).toEqual(MODELS);
  const received = await receiver.waitFor(MODELS.length);
  const bodies = received
    .map(({ body }) => JSON.parse(body))
    .toSorted((a, b) => (a.data.model < b.data.model ? -1 : 1));
  expect(bodies.map(({ event, data }) => [event, data.model])).toEqual(
    MODELS.map((model) => ['usage.unpriced', model]),
  );
  expect(new Set(bodies.map(({ id }) => id))).toEqual(new Set(one.map(({ id }) => id)));
  // Each names an event of its model that is stored.
  for (const { payload } of one) {
    const event = await servers[1]?.ok<{ model: string; cost: null }>('GET', `/v1/usage/${payload.usageId}`, options);
    expect(event).toMatchObject({ model: payload.model, cost: null });
  }
  const { rows } = await sql.query("SELECT count(*)::int AS n FROM events WHERE type = 'usage.unpriced'");
  expect(rows).toEqual([{ n: MODELS.length }]);
});
