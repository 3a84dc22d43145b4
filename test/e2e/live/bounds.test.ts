import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeBudget } from '../../doors/budget-answers.ts';
import { createTestApp, type TestApp } from '../../harness/app.ts';
import { countSubscriptions, openRaw, type RawClient, roundTrip, subscribe } from '../../harness/live-client.ts';
import { type MadeOrganization, makeOrganization, makeUsage } from '../../harness/make.ts';
import { OPERATOR_KEY } from '../../harness/operator-key.ts';
import { waitUntil } from '../../harness/wait-until.ts';

let meterr: TestApp;
let port: number;
const opened: RawClient[] = [];

beforeAll(async () => {
  meterr = await createTestApp({ through: 'fetch', env: { METERR_OPERATOR_KEY: OPERATOR_KEY } });
  ({ port } = await meterr.app.listen(0, '127.0.0.1'));
});

afterAll(async () => {
  for (const { socket } of opened) socket.terminate();
  await meterr.close();
});

async function open(key: string): Promise<RawClient> {
  const client = await openRaw(port, key);
  opened.push(client);
  return client;
}

async function newOrganization(): Promise<MadeOrganization> {
  const organization = await makeOrganization(meterr);
  await makeBudget(meterr, organization, { amount: '0.1', per: 'user', thresholds: [] });
  return organization;
}

let users = 0;
const cross = ({ key }: MadeOrganization) =>
  makeUsage(meterr, key.secret, [{ cost: '0.1', user_id: `user-${users++}` }]);

const EVENTS = 'subscription { events { id } }';

it('a subscriber that does not read is closed with 1013 and cut, and the others are told everything', async () => {
  const { key } = await makeOrganization(meterr);
  const [slow, quick] = [await open(key.secret), await open(key.secret)];
  const query = 'subscription { usageRecorded { eventId metadata } }';
  for (const client of [slow, quick]) await subscribe(meterr, client, 'a', query);
  slow.socket.pause();
  const events = Array.from({ length: 100 }, () => ({ metadata: { text: 'x'.repeat(4_000) } }));
  let recorded = 0;
  // The kernel takes some megabytes before anything waits in the server.
  await waitUntil('the slow one is cut', async () => {
    await makeUsage(meterr, key.secret, events);
    recorded += events.length;
    return (await countSubscriptions(meterr)) === 1;
  });
  await waitUntil('the other is told', () => quick.told('a').length === recorded);
  slow.socket.resume();
  // 1006: cut off before it had read why.
  expect(await slow.closed).toBeOneOf([1013, 1006]);
});

it('a socket has at most 100 subscriptions: the next is rate_limit_exceeded, and all others go on', async () => {
  const organization = await newOrganization();
  const client = await open(organization.key.secret);
  const before = await countSubscriptions(meterr);
  for (let i = 0; i < 101; i++) client.ask(String(i), EVENTS);
  await waitUntil('the last is refused', () => client.received.some(({ type }) => type === 'error'));
  expect(client.received.find(({ type }) => type === 'error')).toMatchObject({
    id: '100',
    payload: [{ extensions: { code: 'rate_limit_exceeded' } }],
  });
  await waitUntil('all have begun', async () => (await countSubscriptions(meterr)) === before + 100);
  await cross(organization);
  await waitUntil('all are told', () => client.received.filter(({ type }) => type === 'next').length === 100);
  client.socket.send(JSON.stringify({ type: 'complete', id: '0' }));
  await waitUntil('one has ended', async () => (await countSubscriptions(meterr)) === before + 99);
  await roundTrip(client);
  client.socket.terminate();
  await waitUntil('all are forgotten', async () => (await countSubscriptions(meterr)) === before);
});

it('subscribing counts as one request, what is told counts as none', async () => {
  const organization = await makeOrganization(meterr, { plan: 'free' });
  await makeBudget(meterr, organization, { amount: '0.1', per: 'user', thresholds: [] });
  const { secret } = organization.key;
  const client = await open(secret);
  const remaining = async () => {
    const limit = '{ me { rateLimit { remaining } } }';
    const { me } = await meterr.data<{ me: { rateLimit: { remaining: number } } }>(limit, null, { key: secret });
    return me.rateLimit.remaining;
  };
  const before = await remaining();
  await subscribe(meterr, client, 'a', EVENTS);
  for (let i = 0; i < 3; i++) await cross(organization);
  await waitUntil('all are told', () => client.told('a').length === 3);
  // The subscription, three requests that record, and the question itself.
  expect(before - (await remaining())).toBe(5);
});

it('what is not a subscription of one field is refused, and the socket lives', async () => {
  const client = await open((await newOrganization()).key.secret);
  const wrong = ['subscription { a: events { id } b: events { id } }', 'subscription { nothing }', 'subscription {'];
  for (const [i, query] of wrong.entries()) {
    client.ask(String(i), query);
    await waitUntil('it is refused', () => client.received.some(({ id }) => id === String(i)));
    expect(client.received.find(({ id }) => id === String(i))).toMatchObject({
      type: 'error',
      payload: [{ extensions: { code: 'invalid_request' } }],
    });
  }
  await roundTrip(client);
});

it('the operator’s socket subscribes to nothing, and stays', async () => {
  const client = await open(OPERATOR_KEY);
  client.ask('a', EVENTS);
  await waitUntil('it is refused', () => client.received.length > 0);
  expect(client.received[0]?.payload).toMatchObject({ errors: [{ extensions: { code: 'insufficient_permissions' } }] });
  await meterr.app.readChanges();
  const { key } = await newOrganization();
  expect(key.secret).toBeDefined();
  await meterr.app.readChanges();
});
