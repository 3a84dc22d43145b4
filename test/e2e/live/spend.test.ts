import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../../harness/app.ts';
import { openRaw, type RawClient, subscribe } from '../../harness/live-client.ts';
import { makeKey, makeOrganization, makeTeam, makeUsage } from '../../harness/make.ts';
import { OPERATOR_KEY } from '../../harness/operator-key.ts';
import { openLaterPricer } from '../../harness/price-later.ts';
import { waitUntil } from '../../harness/wait-until.ts';

let meterr: TestApp;
let other: TestApp;
let port: number;
const opened: RawClient[] = [];

beforeAll(async () => {
  meterr = await createTestApp({
    through: 'fetch',
    env: { METERR_OPERATOR_KEY: OPERATOR_KEY, METERR_PRICE_UNPRICED_LATER: 'false' },
  });
  other = await createTestApp({
    through: 'fetch',
    env: { METERR_OPERATOR_KEY: OPERATOR_KEY, METERR_PRICE_UNPRICED_LATER: 'false' },
    connectionString: meterr.connectionString,
  });
  ({ port } = await meterr.app.listen(0, '127.0.0.1'));
});

afterAll(async () => {
  for (const { socket } of opened) socket.terminate();
  await other.close();
  await meterr.close();
});

async function open(key: string): Promise<RawClient> {
  const client = await openRaw(port, key);
  opened.push(client);
  return client;
}

interface Tick {
  spend: { start: string; end: string; totals: { requests: number; cost: string } };
}

const SPEND = `subscription ($filter: UsageFilter, $every: SafeInt, $period: CostPeriod, $timezone: String) {
  spend(filter: $filter, every: $every, period: $period, timezone: $timezone) {
    at start end totals { requests inputTokens outputTokens cost unpricedRequests } } }`;
const costsOf = (client: RawClient, id: string) => client.told<Tick>(id).map(({ spend }) => spend.totals.cost);

it('the sums are told at once, then when they have changed, whoever records, and never twice the same', async () => {
  const organization = await makeOrganization(meterr);
  const { secret: key } = organization.key;
  const team = await makeTeam(meterr, organization);
  const bound = await makeKey(meterr, organization, { scopes: ['costs:read'], team });
  await makeUsage(meterr, key, [{ cost: '1' }]);
  const [client, ofTeam] = [await open(key), await open(bound.secret)];
  const variables = { period: 'MONTH', timezone: 'Asia/Kolkata' };
  await subscribe(meterr, client, 'all', SPEND, variables);
  await subscribe(meterr, client, 'hourly', SPEND, { ...variables, every: 3600 });
  await subscribe(meterr, client, 'user', SPEND, { ...variables, filter: { userId: 'u' } });
  await subscribe(meterr, ofTeam, 'team', SPEND, variables);
  await waitUntil(
    'the first is told',
    () => costsOf(client, 'all').length === 1 && costsOf(ofTeam, 'team').length === 1,
  );
  expect(client.told('all')[0]).toEqual({
    spend: {
      at: '2026-11-22T10:00:00.000Z',
      start: '2026-10-31T18:30:00.000Z',
      end: '2026-11-30T18:30:00.000Z',
      totals: { requests: 1, inputTokens: 1000, outputTokens: 500, cost: '1', unpricedRequests: 0 },
    },
  });
  await makeUsage(other, key, [{ cost: '2' }]);
  await waitUntil('it is told', () => costsOf(client, 'all').includes('3'));
  await makeUsage(other, key, [{ cost: '3', team_id: team.id, user_id: 'u' }]);
  await waitUntil('it is told', () => costsOf(client, 'all').includes('6') && costsOf(ofTeam, 'team').includes('3'));
  await waitUntil('it is told', () => costsOf(client, 'user').includes('3'));
  expect(costsOf(client, 'all')).toEqual(['1', '3', '6']);
  expect(costsOf(client, 'user')).toEqual(['0', '3']);
  expect(costsOf(ofTeam, 'team')).toEqual(['0', '3']);
  expect(costsOf(client, 'hourly')).toEqual(['1']);
});

it('what it cannot answer is refused by name, and the scope is costs:read', async () => {
  const organization = await makeOrganization(meterr);
  const reader = await makeKey(meterr, organization, { scopes: ['usage:read'] });
  const client = await open(organization.key.secret);
  for (const [id, variables, path] of [
    ['0', { every: 0 }, 'every'],
    ['1', { every: 3601 }, 'every'],
    ['2', { timezone: 'Nowhere' }, 'timezone'],
    ['3', { filter: { teamId: 'x' } }, 'teamId'],
  ] as const) {
    client.ask(id, SPEND, variables);
    await waitUntil('it is refused', () => client.received.some((one) => one.id === id && one.type === 'complete'));
    expect(client.received.find((one) => one.id === id)?.payload).toMatchObject({
      errors: [{ extensions: { code: 'invalid_request', details: { fields: [{ path }] } } }],
    });
  }
  const other = await open(reader.secret);
  other.ask('a', SPEND);
  await waitUntil('it is refused', () => other.received.length > 0);
  expect(other.received[0]?.payload).toMatchObject({
    errors: [{ extensions: { details: { requiredScope: 'costs:read' } } }],
  });
});

it('a price that becomes known later is told as what it changes', async () => {
  const { key } = await makeOrganization(meterr);
  const pricer = openLaterPricer(meterr.connectionString, meterr.clock.now());
  await makeUsage(meterr, key.secret, [{ provider: 'nobody', model: 'unheard-of' }]);
  const client = await open(key.secret);
  await subscribe(meterr, client, 'a', SPEND, { period: 'MONTH' });
  const told = () => client.told<Tick>('a').map(({ spend }) => spend.totals);
  await waitUntil('the first is told', () => told().length === 1);
  await pricer.makeKnown();
  await pricer.price();
  await pricer.close();
  await waitUntil('it is told', () => told().length === 2);
  expect(told()).toMatchObject([
    { requests: 1, cost: '0', unpricedRequests: 1 },
    { requests: 1, cost: '0.0105', unpricedRequests: 0 },
  ]);
});
