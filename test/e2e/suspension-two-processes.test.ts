import { createClient } from 'graphql-ws';
import { expect, it } from 'vitest';
import { EVENT, makeOrganization } from '../harness/make.ts';
import { OPERATOR_KEY } from '../harness/operator-key.ts';
import { useTwoServers } from '../harness/processes/two-servers.ts';
import { waitUntil } from '../harness/wait-until.ts';

const two = useTwoServers();

it('an organization that one process suspends is refused by the other by itself, on open sockets too, and let in again', async () => {
  const organization = await makeOrganization(two());
  const { secret: key } = organization.key;
  const record = () => two().server(1).rest('POST', '/v1/usage', { key, body: EVENT });
  const closed: number[] = [];
  const client = createClient({
    url: `ws://127.0.0.1:${two().server(1).port}/graphql`,
    connectionParams: { authorization: `Bearer ${key}` },
    lazyCloseTimeout: 60_000,
    retryAttempts: 0,
    on: { closed: (event) => void closed.push((event as { code: number }).code) },
  });
  const ask = async () => {
    for await (const answer of client.iterate({ query: '{ me { scopes } }' })) return answer.errors ?? [];
    return [];
  };
  expect((await record()).status).toBe(201);
  expect(await ask()).toEqual([]);
  const setStatus = (status: string) =>
    two().server(0).ok('PATCH', `/v1/organizations/${organization.id}`, { key: OPERATOR_KEY, body: { status } });
  await setStatus('suspended');
  expect((await two().server(0).rest('GET', '/v1/me', { key })).status).toBe(403);
  await waitUntil('the other process refuses it', async () => (await record()).status === 403);
  await waitUntil('its socket is closed', () => closed.length > 0);
  expect(closed).toEqual([4403]);
  await setStatus('active');
  await waitUntil('the other process lets it in', async () => (await record()).status === 201);
  expect(await ask()).toEqual([]);
  await client.dispose();
});
