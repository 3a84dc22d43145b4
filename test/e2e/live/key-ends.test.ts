import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, DEFAULT_NOW, type TestApp } from '../../harness/app.ts';
import { openRaw, type RawClient, roundTrip, subscribe } from '../../harness/live-client.ts';
import { makeKey, makeOrganization, makeTeam } from '../../harness/make.ts';
import { OPERATOR_KEY } from '../../harness/operator-key.ts';
import { waitUntil } from '../../harness/wait-until.ts';

// Two processes on one database: `here` makes the changes, and sockets are open on both.

let here: TestApp;
let there: TestApp;
const ports: number[] = [];
const opened: RawClient[] = [];

beforeAll(async () => {
  const env = { METERR_OPERATOR_KEY: OPERATOR_KEY };
  here = await createTestApp({ through: 'fetch', env });
  there = await createTestApp({ through: 'fetch', env, connectionString: here.connectionString });
  for (const { app } of [here, there]) ports.push((await app.listen(0, '127.0.0.1')).port);
});

afterAll(async () => {
  for (const { socket } of opened) socket.terminate();
  await there.close();
  await here.close();
});

/** Sockets of a key on both processes: one that subscribes, one that is idle. */
async function openAll(secret: string): Promise<RawClient[]> {
  const clients = await Promise.all(ports.flatMap((port) => [openRaw(port, secret), openRaw(port, secret)]));
  opened.push(...clients);
  // Two sockets on each process, in its order.
  const [onHere, , onThere] = clients as [RawClient, RawClient, RawClient];
  await subscribe(here, onHere, 'a', 'subscription { events { id } }');
  await subscribe(there, onThere, 'a', 'subscription { events { id } }');
  return clients;
}

const codesOf = (clients: readonly RawClient[]) => Promise.all(clients.map(({ closed }) => closed));

describe('sockets, idle ones too, are closed with 4403 on every process', () => {
  it('when the team of their key is deleted, and no others', async () => {
    const organization = await makeOrganization(here);
    const team = await makeTeam(here, organization);
    const bound = await makeKey(here, organization, { scopes: ['events:read'], team });
    const clients = await openAll(bound.secret);
    const others = await openAll(organization.key.secret);
    await here.ok('DELETE', `/v1/teams/${team.id}`, { key: organization.key.secret });
    expect(await codesOf(clients)).toEqual([4403, 4403, 4403, 4403]);
    for (const other of others) await roundTrip(other);
  });

  it('when their key is revoked, whoever revokes it', async () => {
    const organization = await makeOrganization(here);
    const key = await makeKey(here, organization, { scopes: ['events:read'] });
    const clients = await openAll(key.secret);
    await here.sql.query('UPDATE api_keys SET revoked_at = now() WHERE id = $1', [key.uuid]);
    expect(await codesOf(clients)).toEqual([4403, 4403, 4403, 4403]);
  });

  it('when their key expires', async () => {
    const organization = await makeOrganization(here);
    const expiresAt = new Date(Date.parse(DEFAULT_NOW) + 60_000);
    const key = await makeKey(here, organization, { scopes: ['events:read'], expiresAt });
    const clients = await openAll(key.secret);
    for (const { clock } of [here, there]) clock.set(expiresAt.getTime() - 1);
    for (const client of clients) await roundTrip(client);
    for (const { clock } of [here, there]) clock.set(expiresAt.getTime());
    expect(await codesOf(clients)).toEqual([4403, 4403, 4403, 4403]);
    for (const { clock } of [here, there]) clock.set(DEFAULT_NOW);
  });
});

it('a key that loses the scope ends its subscriptions with insufficient_permissions, and the socket lives', async () => {
  const organization = await makeOrganization(here);
  const key = await makeKey(here, organization, { scopes: ['events:read', 'usage:read'] });
  const [client] = await openAll(key.secret);
  if (!client) throw new Error('no socket');
  await here.sql.query(`UPDATE api_keys SET scopes = '{usage:read}' WHERE id = $1`, [key.uuid]);
  await waitUntil('it is ended', () => client.received.some(({ id, type }) => id === 'a' && type === 'complete'));
  expect(client.received.find(({ id }) => id === 'a')?.payload).toMatchObject({
    errors: [{ extensions: { code: 'insufficient_permissions', details: { requiredScope: 'events:read' } } }],
  });
  client.ask('b', '{ me { scopes } }');
  await waitUntil('it is answered', () => client.told('b').length === 1);
});
