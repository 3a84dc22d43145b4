import { once } from 'node:events';
import { type Client, createClient, type ExecutionResult } from 'graphql-ws';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createTestApp, type TestApp } from '../harness/app.ts';
import { EVENT_COST, EVENT_INPUT, makeKey, makeOrganization } from '../harness/make.ts';

let meterr: TestApp;
let url: string;
const clients: Client[] = [];

beforeAll(async () => {
  meterr = await createTestApp({ through: 'fetch' });
  const { port } = await meterr.app.listen(0, '127.0.0.1');
  url = `ws://127.0.0.1:${port}/graphql`;
});

afterAll(async () => {
  for (const client of clients) await client.dispose();
  await meterr.close();
});

function open(key: string | null = meterr.adminKey): Client {
  const connectionParams = key === null ? {} : { authorization: `Bearer ${key}` };
  const client = createClient({
    url,
    webSocketImpl: WebSocket,
    connectionParams,
    retryAttempts: 0,
    lazyCloseTimeout: 60_000,
  });
  clients.push(client);
  return client;
}

/**
 * The one answer of a query or mutation; rejects with the close event when the socket closes
 * instead.
 */
function ask(client: Client, query: string, variables?: Record<string, unknown>): Promise<ExecutionResult> {
  return new Promise((resolve, reject) => {
    let answer: ExecutionResult = {};
    client.subscribe(
      { query, variables },
      {
        next: (result) => {
          answer = result as ExecutionResult;
        },
        error: reject,
        complete: () => resolve(answer),
      },
    );
  });
}

const QUERY = '{ me { scopes } }';

it('a query and a mutation are answered as over HTTP', async () => {
  const client = open();
  expect(await ask(client, QUERY)).toEqual({ data: { me: { scopes: ['admin'] } } });
  const mutation = 'mutation ($input: RecordUsageInput!) { recordUsage(input: $input) { cost } }';
  expect(await ask(client, mutation, { input: EVENT_INPUT })).toEqual({ data: { recordUsage: { cost: EVENT_COST } } });
});

it.each<[string, () => Promise<string | null>]>([
  ['no key', async () => null],
  ['an unknown key', async () => `mtr_live_${'A'.repeat(43)}`],
  [
    'a revoked key',
    async () => (await makeKey(meterr, meterr.organization, { scopes: ['admin'], revoked: true })).secret,
  ],
  [
    'an expired key',
    async () => (await makeKey(meterr, meterr.organization, { scopes: ['admin'], expiresAt: new Date(0) })).secret,
  ],
])('%s closes the socket with 4403', async (_, makeSecret) => {
  await expect(ask(open(await makeSecret()), QUERY)).rejects.toMatchObject({ code: 4403 });
});

it('a wrong key closes the socket at once: before any operation, and without an acknowledgement', async () => {
  const socket = new WebSocket(url, 'graphql-transport-ws');
  const messages: string[] = [];
  socket.on('message', (message) => messages.push(String(message)));
  await once(socket, 'open');
  const payload = { authorization: `Bearer mtr_live_${'A'.repeat(43)}` };
  socket.send(JSON.stringify({ type: 'connection_init', payload }));
  expect((await once(socket, 'close'))[0]).toBe(4403);
  expect(messages).toEqual([]);
});

it('a key that is revoked meanwhile does nothing more: the next operation closes the socket with 4403', async () => {
  const key = await makeKey(meterr, meterr.organization, { scopes: ['admin'] });
  const client = open(key.secret);
  expect(await ask(client, QUERY)).toHaveProperty('data.me');
  await meterr.sql.query('UPDATE api_keys SET revoked_at = now() WHERE id = $1', [key.uuid]);
  await meterr.app.readChanges();
  await expect(ask(client, QUERY)).rejects.toMatchObject({ code: 4403 });
});

it('what the key may not do is refused in the answer, with code and details', async () => {
  const { secret } = await makeKey(meterr, meterr.organization, { scopes: ['usage:write'] });
  const { errors } = await ask(open(secret), '{ usage { totals { requests } } }');
  expect(errors).toMatchObject([
    { extensions: { code: 'insufficient_permissions', details: { requiredScope: 'usage:read' } } },
  ]);
});

it.each([
  ['{ nothing }', 'invalid_request'],
  ['{ me {', 'invalid_request'],
  ['{ node(id: "hello") { id } }', 'not_found'],
])('an operation that is wrong (%s) is answered with its code, and the socket stays open', async (query, code) => {
  const client = open();
  const failure = await ask(client, query).catch((errors) => ({ errors }));
  expect(failure.errors).toMatchObject([{ extensions: { code } }]);
  expect(await ask(client, QUERY)).toHaveProperty('data.me');
});

it('each operation counts against the plan, over all doors', async () => {
  const { key } = await makeOrganization(meterr, { plan: 'free' });
  const client = open(key.secret);
  const limit = '{ me { rateLimit { remaining } } }';
  // Opening the socket is not counted: this is the first request of all.
  const first = await ask(client, limit);
  expect(Object(first.data).me.rateLimit.remaining).toBe(99);
  const { data } = await meterr.gql<{ me: { rateLimit: { remaining: number } } }>(limit, null, { key: key.secret });
  const again = await ask(client, limit);
  expect(Object(again.data).me.rateLimit.remaining).toBe(data.me.rateLimit.remaining - 1);
  for (let i = 0; i < 100; i++) await meterr.rest('GET', '/v1/me', { key: key.secret });
  const refused = await ask(client, limit).catch((errors) => ({ errors }));
  expect(refused.errors).toMatchObject([{ extensions: { code: 'rate_limit_exceeded' } }]);
});

it('closes with the protocol’s own codes: no init in time is not waited for, a second init is 4429', async () => {
  const socket = new WebSocket(url, 'graphql-transport-ws');
  await once(socket, 'open');
  const init = JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${meterr.adminKey}` } });
  socket.send(init);
  await once(socket, 'message');
  socket.send(init);
  expect((await once(socket, 'close'))[0]).toBe(4429);
  const early = new WebSocket(url, 'graphql-transport-ws');
  await once(early, 'open');
  early.send(JSON.stringify({ type: 'subscribe', id: '1', payload: { query: QUERY } }));
  expect((await once(early, 'close'))[0]).toBe(4401);
});

it('a stopping server says goodbye with 1001', async () => {
  const other = await createTestApp({ through: 'fetch', connectionString: meterr.connectionString });
  const { port } = await other.app.listen(0, '127.0.0.1');
  const socket = new WebSocket(`ws://127.0.0.1:${port}/graphql`, 'graphql-transport-ws');
  await once(socket, 'open');
  const closed = once(socket, 'close');
  await other.close();
  expect((await closed)[0]).toBe(1001);
});
