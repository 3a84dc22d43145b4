import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeBudget } from '../../doors/budget-answers.ts';
import type { ListAnswer } from '../../harness/answers.ts';
import { createTestApp, type TestApp } from '../../harness/app.ts';
import { openRaw, type RawClient, subscribe } from '../../harness/live-client.ts';
import { type MadeOrganization, makeKey, makeOrganization, makeTeam, makeUsage } from '../../harness/make.ts';
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

/** Each event of 0.1 USD by another user crosses the limit of that user. */
async function newOrganization(): Promise<MadeOrganization> {
  const organization = await makeOrganization(meterr);
  await makeBudget(meterr, organization, { amount: '0.1', per: 'user', thresholds: [] });
  return organization;
}

let users = 0;
async function cross({ key }: MadeOrganization, times = 1, more: object = {}): Promise<void> {
  for (let i = 0; i < times; i++) {
    await makeUsage(meterr, key.secret, [{ cost: '0.1', user_id: `user-${users++}`, ...more }]);
  }
}

interface EventNode {
  id: string;
  event: string;
}

async function logOf(key: string): Promise<string[]> {
  const { data } = await meterr.ok<ListAnswer<EventNode>>('GET', '/v1/events?limit=100', { key });
  return data.map(({ id }) => id).reverse();
}

const EVENTS = 'subscription ($after: ID, $types: [EventType!]) { events(after: $after, types: $types) { id } }';
const idsOf = (client: RawClient, id: string) => client.told<{ events: EventNode }>(id).map(({ events }) => events.id);

describe('events', () => {
  it('are told when they happen, in order, to all who subscribe, and to no other organization', async () => {
    const [mine, theirs] = [await newOrganization(), await newOrganization()];
    const [one, two, other] = [await open(mine.key.secret), await open(mine.key.secret), await open(theirs.key.secret)];
    for (const client of [one, two, other]) await subscribe(meterr, client, 'a', EVENTS);
    await subscribe(meterr, two, 'a longer id, with "quotes" and ü', EVENTS);
    await cross(mine, 5);
    const log = await logOf(mine.key.secret);
    expect(log).toHaveLength(5);
    await waitUntil('all are told', () => idsOf(two, 'a longer id, with "quotes" and ü').length === 5);
    await waitUntil('all are told', () => idsOf(one, 'a').length === 5 && idsOf(two, 'a').length === 5);
    for (const told of [idsOf(one, 'a'), idsOf(two, 'a'), idsOf(two, 'a longer id, with "quotes" and ü')]) {
      expect(told).toEqual(log);
    }
    await cross(theirs, 1);
    await waitUntil('theirs is told', () => idsOf(other, 'a').length === 1);
    expect(idsOf(other, 'a')).toEqual(await logOf(theirs.key.secret));
    expect(idsOf(one, 'a')).toEqual(log);
  });

  it('have typed payloads, and usageExceeded its own data', async () => {
    const organization = await makeOrganization(meterr);
    const budget = await makeBudget(meterr, organization, { amount: '0.2', thresholds: [50] });
    const client = await open(organization.key.secret);
    await subscribe(
      meterr,
      client,
      'e',
      'subscription { events { event data payload { __typename ... on UsageExceeded { limit unit } ' +
        '... on BudgetThresholdReached { threshold periodStart } } } }',
    );
    await subscribe(
      meterr,
      client,
      'u',
      'subscription { usageExceeded { id event createdAt data { teamId limit current budgetId } } }',
    );
    await cross(organization, 2);
    await waitUntil('both are told', () => client.told('e').length === 2 && client.told('u').length === 1);
    expect(client.told('e')).toMatchObject([
      {
        events: { event: 'BUDGET_THRESHOLD_REACHED', payload: { __typename: 'BudgetThresholdReached', threshold: 50 } },
      },
      { events: { event: 'USAGE_EXCEEDED', data: { unit: 'usd' }, payload: { limit: '0.2', unit: 'USD' } } },
    ]);
    expect(client.told('u')).toMatchObject([
      { usageExceeded: { event: 'USAGE_EXCEEDED', data: { limit: '0.2', current: '0.2', budgetId: budget.id } } },
    ]);
  });

  it('are replayed after the last one that was received, then go on, none missing and none twice', async () => {
    const organization = await newOrganization();
    const { secret } = organization.key;
    await cross(organization, 3);
    const [first] = await logOf(secret);
    const client = await open(secret);
    client.ask('a', EVENTS, { after: first });
    await cross(organization, 3);
    await waitUntil('all are told', () => idsOf(client, 'a').length >= 5);
    await cross(organization, 1);
    await waitUntil('the last is told', () => idsOf(client, 'a').length >= 6);
    expect(idsOf(client, 'a')).toEqual((await logOf(secret)).slice(1));
  });

  it('an `after` that is not in the log, or not to be seen, is invalid_request, and the socket lives', async () => {
    const [mine, theirs] = [await newOrganization(), await newOrganization()];
    await cross(theirs);
    const [foreign] = await logOf(theirs.key.secret);
    const client = await open(mine.key.secret);
    for (const [id, after] of [
      ['1', foreign],
      ['2', 'event_01h455vb4pex5vsknk084sn02q'],
      ['3', 'x'],
    ] as const) {
      client.ask(id, EVENTS, { after });
      await waitUntil('it is refused', () => client.received.some((one) => one.id === id && one.type === 'complete'));
      expect(client.received.find((one) => one.id === id)?.payload).toMatchObject({
        errors: [{ extensions: { code: 'invalid_request', details: { fields: [{ path: 'after' }] } } }],
      });
    }
    await subscribe(meterr, client, '4', EVENTS);
    await cross(mine);
    await waitUntil('it is told', () => idsOf(client, '4').length === 1);
  });

  it('of another team, or of none, are not told to a key that is bound to a team', async () => {
    const organization = await makeOrganization(meterr);
    const [mine, other] = [await makeTeam(meterr, organization), await makeTeam(meterr, organization)];
    await makeBudget(meterr, organization, { amount: '0.1', per: 'team', thresholds: [] });
    await makeBudget(meterr, organization, { amount: '0.1', thresholds: [] });
    const key = await makeKey(meterr, organization, { scopes: ['events:read'], team: mine });
    const [bound, whole] = [await open(key.secret), await open(organization.key.secret)];
    await subscribe(meterr, bound, 'e', 'subscription { events { id data } }');
    await subscribe(meterr, bound, 'u', 'subscription { usageExceeded { id data { teamId } } }');
    bound.ask('x', 'subscription ($teamId: ID) { usageExceeded(teamId: $teamId) { id } }', { teamId: other.id });
    await subscribe(
      meterr,
      whole,
      't',
      'subscription ($teamId: ID) { usageExceeded(teamId: $teamId) { data { teamId } } }',
      {
        teamId: other.id,
      },
    );
    await subscribe(meterr, whole, 'e', EVENTS);
    await cross(organization, 1, { team_id: other.id });
    await cross(organization, 1, { team_id: mine.id });
    await waitUntil('all are told', () => whole.told('e').length === 3 && whole.told('t').length === 1);
    await waitUntil('the team’s is told', () => bound.told('e').length === 1 && bound.told('u').length === 1);
    expect(bound.told('u')).toMatchObject([{ usageExceeded: { data: { teamId: mine.id } } }]);
    expect(whole.told('t')).toEqual([{ usageExceeded: { data: { teamId: other.id } } }]);
    expect(bound.received.find(({ id }) => id === 'x')?.payload).toMatchObject({
      errors: [{ extensions: { code: 'invalid_request' } }],
    });
    const log = await logOf(organization.key.secret);
    bound.ask('after', EVENTS, { after: log.find((id) => !idsOf(bound, 'e').includes(id)) });
    await waitUntil('an event that it may not see is none', () => bound.received.some(({ id }) => id === 'after'));
    expect(bound.received.find(({ id }) => id === 'after')?.payload).toHaveProperty('errors');
  });

  it('need the scope events:read', async () => {
    const organization = await newOrganization();
    const key = await makeKey(meterr, organization, { scopes: ['usage:read'] });
    const client = await open(key.secret);
    client.ask('a', EVENTS);
    await waitUntil('it is refused', () => client.received.some(({ type }) => type === 'complete'));
    expect(client.received[0]?.payload).toMatchObject({
      errors: [{ extensions: { code: 'insufficient_permissions', details: { requiredScope: 'events:read' } } }],
    });
  });
});
