import { createClient } from 'graphql-ws';
import { expect, it } from 'vitest';
import { createTestApp, useTestApp } from '../../harness/app.ts';
import { EVENT, makeOrganization, makeTeam, makeUsage } from '../../harness/make.ts';
import { OPERATIONS, REST_ONLY } from '../../harness/operations.ts';
import { waitUntil } from '../../harness/wait-until.ts';

const OPERATOR_KEY = 'operator-key-of-the-tests';
const env = { METERR_OPERATOR_KEY: OPERATOR_KEY };
const meterr = useTestApp({ env });
const SUSPENDED = {
  code: 'insufficient_permissions',
  message: expect.stringMatching(/^This organization is suspended\./),
};

function setStatus(id: string, status: 'active' | 'suspended') {
  return meterr().ok<object>('PATCH', `/v1/organizations/${id}`, { key: OPERATOR_KEY, body: { status } });
}

it('every operation of a suspended organization is answered 403 with a plain reason, by both doors', async () => {
  const organization = await makeOrganization(meterr());
  const { secret: key } = organization.key;
  expect(await setStatus(organization.id, 'suspended')).toMatchObject({ id: organization.id, status: 'suspended' });
  // Accepting an invite asks for no key at all.
  for (const { rest, graphql } of OPERATIONS.filter(({ field }) => field !== 'acceptInvite')) {
    const viaRest = await meterr().rest(rest.method, rest.url, { key, body: rest.body });
    expect({ status: viaRest.status, error: viaRest.error }).toMatchObject({ status: 403, error: SUSPENDED });
    // Twice: the second is answered by the compiled operation, where there is a socket.
    for (let i = 0; i < 2; i++) {
      expect((await meterr().gql(graphql.query, graphql.variables, { key })).error).toMatchObject(SUSPENDED);
    }
  }
  for (const [route, { body }] of Object.entries(REST_ONLY)) {
    const [method = '', path = ''] = route.split(' ');
    expect((await meterr().rest(method, path, { key, body })).status).toBe(403);
  }
  // What no route takes is counted and refused like the rest.
  expect((await meterr().rest('GET', '/v1/nothing', { key })).status).toBe(403);
  expect((await meterr().rest('PUT', '/v1/usage', { key })).status).toBe(403);
});

it('its data is kept: after it is activated all is as it was, and another organization notices nothing', async () => {
  const { ok, rest } = meterr();
  const organization = await makeOrganization(meterr());
  const neighbour = await makeOrganization(meterr());
  const { secret: key } = organization.key;
  const team = await makeTeam(meterr(), organization);
  await makeUsage(meterr(), key, [{ team_id: team.id }, {}]);
  const before = await ok('GET', '/v1/usage?group_by=team', { key });
  await setStatus(organization.id, 'suspended');
  expect((await rest('POST', '/v1/usage', { key, body: EVENT })).status).toBe(403);
  expect((await rest('POST', '/v1/usage', { key: neighbour.key.secret, body: EVENT })).status).toBe(201);
  expect(await setStatus(organization.id, 'active')).toMatchObject({ status: 'active' });
  expect(await ok('GET', '/v1/usage?group_by=team', { key })).toEqual(before);
  expect((await rest('POST', '/v1/usage', { key, body: EVENT })).status).toBe(201);
});

it('what it asks still counts in its plan limit, and the headers say so', async () => {
  const organization = await makeOrganization(meterr(), { plan: 'free' });
  const { secret: key } = organization.key;
  await setStatus(organization.id, 'suspended');
  const remaining = async () =>
    Number((await meterr().rest('GET', '/v1/me', { key })).headers.get('x-ratelimit-remaining'));
  const first = await remaining();
  expect(await remaining()).toBe(first - 1);
});

it('another process refuses it too, once it has read what was changed', async () => {
  const organization = await makeOrganization(meterr());
  const { secret: key } = organization.key;
  const second = await createTestApp({ connectionString: meterr().connectionString, env });
  const record = () => second.rest('POST', '/v1/usage', { key, body: EVENT });
  expect((await record()).status).toBe(201);
  await setStatus(organization.id, 'suspended');
  await second.app.readChanges();
  expect(await record()).toMatchObject({ status: 403, error: SUSPENDED });
  await setStatus(organization.id, 'active');
  await second.app.readChanges();
  expect((await record()).status).toBe(201);
  await second.close();
});

it('closes the sockets of its keys with 4403, and opens none until it is active again', async () => {
  const organization = await makeOrganization(meterr());
  const { port } = await meterr().app.listen(0, '127.0.0.1');
  const closed: number[] = [];
  const client = createClient({
    url: `ws://127.0.0.1:${port}/graphql`,
    connectionParams: { authorization: `Bearer ${organization.key.secret}` },
    lazyCloseTimeout: 5_000,
    retryAttempts: 0,
    on: { closed: (event) => void closed.push((event as { code: number }).code) },
  });
  const ask = async () => {
    for await (const answer of client.iterate({ query: '{ me { scopes } }' })) return answer;
    return null;
  };
  expect((await ask())?.errors).toBeUndefined();
  await setStatus(organization.id, 'suspended');
  await waitUntil('the socket is closed', () => closed.length > 0);
  await expect(ask()).rejects.toMatchObject({ code: 4403 });
  expect(closed).toEqual([4403, 4403]);
  await setStatus(organization.id, 'active');
  expect((await ask())?.errors).toBeUndefined();
  await client.dispose();
});
