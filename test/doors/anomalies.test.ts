import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_NOW, useTestApp } from '../harness/app.ts';
import { type Detector, openDetector } from '../harness/detector.ts';
import {
  type MadeKey,
  type MadeOrganization,
  makeKey,
  makeOrganization,
  makeTeam,
  makeUsage,
} from '../harness/make.ts';
import { type EventAnswer, readEvents } from './budget-answers.ts';

const meterr = useTestApp();
const NOW_MS = Date.parse(DEFAULT_NOW);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const at = (timeMs: number) => new Date(timeMs).toISOString();
let detector: Detector;

beforeAll(() => {
  detector = openDetector(meterr().connectionString, () => meterr().clock.now());
});
beforeEach(() => meterr().clock.set(DEFAULT_NOW));
afterAll(() => detector.close());

/** An event in each of the hours before today, back to so many days. */
const steadyHours = (days: number, event: object) =>
  Array.from({ length: days * 24 }, (_, i) => ({
    ...event,
    timestamp: at(Math.floor(NOW_MS / DAY_MS) * DAY_MS - (i + 1) * HOUR_MS + 60_000),
  }));
const USUAL = { model: 'gpt-4o', user_id: 'ann', tags: { env: 'prod' }, cost: '1' };
const SPIKE = { ...USUAL, model: 'gpt-4o-mini', user_id: 'bob', cost: '100' };

interface Watched {
  organization: MadeOrganization;
  team: { id: string; uuid: string };
  key: MadeKey;
}

/** Four weeks of 24 USD a day, by a key that is bound to a team. */
async function makeWatched(): Promise<Watched> {
  const organization = await makeOrganization(meterr());
  const team = await makeTeam(meterr(), organization);
  const key = await makeKey(meterr(), organization, { scopes: ['usage:write'], team });
  await makeUsage(meterr(), key.secret, steadyHours(28, USUAL));
  return { organization, team, key };
}

interface AnomalyData {
  team_id: string | null;
  api_key_id: string | null;
  interval: string;
  start: string;
  drivers: object[];
}

const seriesOf = ({ data: { interval, team_id: team, api_key_id: key } }: EventAnswer<AnomalyData>) =>
  `${interval} ${key ? 'key' : team ? 'team' : 'organization'}`;
const eventsOf = ({ organization }: Watched) => readEvents<AnomalyData>(meterr(), organization.key.secret);

describe('an hour and a day beyond their normal range', () => {
  it('are told at once, before they end, of the organization, the team and the key, with what drove them', async () => {
    const watched = await makeWatched();
    const { organization, team, key } = watched;
    expect(await detector.detect()).toBe(0);
    await makeUsage(meterr(), key.secret, [SPIKE]);
    expect(await detector.detect()).toBe(6);
    expect(await detector.detect()).toBe(0);
    const told = await eventsOf(watched);
    const all = ['organization', 'team', 'key'];
    expect(told.map(seriesOf).sort()).toEqual(
      [...all.map((one) => `day ${one}`), ...all.map((one) => `hour ${one}`)].sort(),
    );
    const hour = told.find((event) => seriesOf(event) === 'hour key');
    const decimal = expect.stringMatching(/^\d+(\.\d+)?$/);
    expect(hour).toEqual({
      id: expect.stringMatching(/^event_/),
      event: 'usage.anomaly',
      created_at: DEFAULT_NOW,
      data: {
        team_id: team.id,
        api_key_id: key.id,
        interval: 'hour',
        start: DEFAULT_NOW,
        end: at(NOW_MS + HOUR_MS),
        expected: '1',
        lower: decimal,
        upper: decimal,
        actual: '100',
        drivers: [
          { dimension: 'model', value: 'gpt-4o-mini', expected: '0', actual: '100' },
          { dimension: 'user', value: 'bob', expected: '0', actual: '100' },
          { dimension: 'api_key', value: key.id, expected: '1', actual: '100' },
          { dimension: 'tag:env', value: 'prod', expected: '1', actual: '100' },
        ],
      },
    });
    const day = told.find((event) => seriesOf(event) === 'day organization');
    expect(day?.data).toMatchObject({
      ...{ team_id: null, api_key_id: null, expected: '24', actual: '100' },
      ...{ start: '2026-11-22T00:00:00.000Z', end: '2026-11-23T00:00:00.000Z' },
    });
    const bound = await makeKey(meterr(), organization, { scopes: ['events:read'], team });
    const ofTeam = await readEvents<AnomalyData>(meterr(), bound.secret);
    expect(ofTeam.map(seriesOf).sort()).toEqual(['day key', 'day team', 'hour key', 'hour team']);
    const { events } = await meterr().data<{ events: { edges: { node: object }[] } }>(
      `{ events(types: [USAGE_ANOMALY]) { edges { node { payload { ... on UsageAnomaly {
          teamId interval start actual drivers { dimension value expected actual } } } } } } }`,
      null,
      { key: bound.secret },
    );
    expect(events.edges).toContainEqual({
      node: {
        payload: {
          ...{ teamId: team.id, interval: 'hour', start: DEFAULT_NOW, actual: '100' },
          drivers: hour?.data.drivers,
        },
      },
    });
  });

  it('are one incident until two hours in a row are normal, and another one after that', async () => {
    const watched = await makeWatched();
    const hoursTold = async () => (await eventsOf(watched)).filter((event) => seriesOf(event) === 'hour key').length;
    const costs = ['100', '1', '100', '1', '1', '100'];
    const seen: number[] = [];
    for (const [hour, cost] of costs.entries()) {
      meterr().clock.set(NOW_MS + hour * HOUR_MS + 10 * 60_000);
      await makeUsage(meterr(), watched.key.secret, [{ ...USUAL, cost }]);
      await detector.detect();
      seen.push(await hoursTold());
    }
    expect(seen).toEqual([1, 1, 1, 1, 1, 2]);
  });

  it('are not taken back by a void, and not told of days that ended long ago', async () => {
    const watched = await makeWatched();
    const { key, organization } = watched;
    await makeUsage(meterr(), key.secret, [{ ...SPIKE, timestamp: at(NOW_MS - 5 * DAY_MS) }]);
    expect(await detector.detect()).toBe(0);
    const [id] = await makeUsage(meterr(), key.secret, [SPIKE]);
    expect(await detector.detect()).toBe(6);
    await meterr().ok('POST', `/v1/usage/${id}/void`, { key: organization.key.secret, body: { reason: 'a test' } });
    expect(await detector.detect()).toBe(0);
    expect(await eventsOf(watched)).toHaveLength(6);
  });

  it('are not told of what is new or small', async () => {
    const organization = await makeOrganization(meterr());
    await makeUsage(meterr(), organization.key.secret, [...steadyHours(10, USUAL), SPIKE]);
    const small = await makeOrganization(meterr());
    await makeUsage(meterr(), small.key.secret, [
      ...steadyHours(28, { ...USUAL, cost: '0.001' }),
      { ...USUAL, cost: '0.9' },
    ]);
    expect(await detector.detect()).toBe(0);
  });
});

describe('an anomaly mute', () => {
  const TOMORROW = at(NOW_MS + DAY_MS);
  const post = (key: string, body: object) => meterr().rest<MuteAnswer>('POST', '/v1/anomaly-mutes', { key, body });
  const list = (key: string) => meterr().ok<{ data: MuteAnswer[] }>('GET', '/v1/anomaly-mutes', { key });

  interface MuteAnswer {
    id: string;
    team_id: string | null;
    api_key_id: string | null;
    until: string;
    created_at: string;
  }

  it('of a team keeps its anomalies and those of its keys from being told, and no others', async () => {
    const watched = await makeWatched();
    const body = { team_id: watched.team.id, until: TOMORROW };
    expect((await post(watched.organization.key.secret, body)).status).toBe(201);
    await makeUsage(meterr(), watched.key.secret, [SPIKE]);
    expect(await detector.detect()).toBe(2);
    expect((await eventsOf(watched)).map(seriesOf).sort()).toEqual(['day organization', 'hour organization']);
  });

  it('that ends during an incident: the next hour beyond the range is told, what was muted is not', async () => {
    const watched = await makeWatched();
    const { secret } = watched.organization.key;
    const { body: mute } = await post(secret, { until: TOMORROW });
    await makeUsage(meterr(), watched.key.secret, [SPIKE]);
    expect(await detector.detect()).toBe(0);
    await meterr().ok('DELETE', `/v1/anomaly-mutes/${mute.id}`, { key: secret });
    expect(await detector.detect()).toBe(0);
    meterr().clock.advance(HOUR_MS);
    await makeUsage(meterr(), watched.key.secret, [SPIKE]);
    expect(await detector.detect()).toBe(3);
    const told = await eventsOf(watched);
    expect(told.map(({ data }) => data.start)).toEqual(Array(3).fill(at(NOW_MS + HOUR_MS)));
  });

  it('is made, listed while it lives, and deleted, the same in both doors', async () => {
    const { organization, team, key } = await makeWatched();
    const { secret } = organization.key;
    const { body: made, status } = await post(secret, { api_key_id: key.id, until: '2026-11-23T12:00:00+02:00' });
    const expected = {
      id: expect.stringMatching(/^mute_[0-7][0-9a-z]{25}$/),
      ...{ team_id: null, api_key_id: key.id, until: '2026-11-23T10:00:00.000Z', created_at: DEFAULT_NOW },
    };
    expect({ status, made }).toEqual({ status: 201, made: expected });
    // Lists go by the time of creation.
    meterr().clock.advance(1_000);
    const { createAnomalyMute: second } = await meterr().data<{ createAnomalyMute: { id: string } }>(
      `mutation ($input: CreateAnomalyMuteInput!) { createAnomalyMute(input: $input) { id teamId apiKeyId until } }`,
      { input: { teamId: team.id, apiKeyId: key.id, until: at(NOW_MS + 2 * DAY_MS) } },
      { key: secret },
    );
    expect(second).toMatchObject({ teamId: team.id, apiKeyId: key.id });
    expect((await list(secret)).data.map(({ id }) => id)).toEqual([second.id, made.id]);
    const { anomalyMutes } = await meterr().data<{ anomalyMutes: { edges: { node: { id: string } }[] } }>(
      '{ anomalyMutes(first: 1) { edges { node { id } } pageInfo { hasNextPage } } }',
      null,
      { key: secret },
    );
    expect(anomalyMutes).toEqual({ edges: [{ node: { id: second.id } }], pageInfo: { hasNextPage: true } });
    const { node } = await meterr().data<{ node: object }>(
      'query ($id: ID!) { node(id: $id) { __typename id } }',
      { id: made.id },
      { key: secret },
    );
    expect(node).toEqual({ __typename: 'AnomalyMute', id: made.id });
    meterr().clock.advance(1.5 * DAY_MS);
    expect((await list(secret)).data.map(({ id }) => id)).toEqual([second.id]);
    expect((await meterr().rest('DELETE', `/v1/anomaly-mutes/${made.id}`, { key: secret })).status).toBe(404);
    const { deleteAnomalyMute } = await meterr().data<{ deleteAnomalyMute: object }>(
      'mutation ($input: DeleteAnomalyMuteInput!) { deleteAnomalyMute(input: $input) { id teamId } }',
      { input: { id: second.id } },
      { key: secret },
    );
    expect(deleteAnomalyMute).toEqual({ id: second.id, teamId: team.id });
    expect((await list(secret)).data).toEqual([]);
  });

  it('is refused without a time to come within a year, and for a team or key that there is not', async () => {
    const { organization, key } = await makeWatched();
    const foreign = await makeTeam(meterr(), await makeOrganization(meterr()));
    const other = await makeTeam(meterr(), organization);
    for (const [body, path] of [
      [{ until: DEFAULT_NOW }, 'until'],
      [{ until: at(NOW_MS + 367 * DAY_MS) }, 'until'],
      [{}, 'until'],
      [{ until: TOMORROW, team_id: foreign.id }, 'team_id'],
      [{ until: TOMORROW, team_id: 'x' }, 'team_id'],
      [{ until: TOMORROW, api_key_id: 'key_01h455vb4pex5vsknk084sn02q' }, 'api_key_id'],
      [{ until: TOMORROW, team_id: other.id, api_key_id: key.id }, 'api_key_id'],
      [{ until: TOMORROW, user_id: 'ann' }, 'user_id'],
    ] as const) {
      const { status, error } = await post(organization.key.secret, body);
      expect({ body, status }).toEqual({ body, status: 400 });
      expect(error?.details).toMatchObject({ fields: [{ path }] });
    }
  });

  it('by a key that is bound to a team is of that team, whatever it says, and only such are seen', async () => {
    const { organization, team, key } = await makeWatched();
    const other = await makeTeam(meterr(), organization);
    const bound = await makeKey(meterr(), organization, { scopes: ['budgets:write', 'budgets:read'], team });
    const { body: mute } = await post(bound.secret, { until: TOMORROW });
    expect(mute).toMatchObject({ team_id: team.id, api_key_id: null });
    expect((await post(bound.secret, { until: TOMORROW, api_key_id: key.id })).body.team_id).toBe(team.id);
    expect((await post(bound.secret, { until: TOMORROW, api_key_id: organization.key.id })).status).toBe(400);
    expect((await post(bound.secret, { until: TOMORROW, team_id: other.id })).status).toBe(400);
    const { body: whole } = await post(organization.key.secret, { until: TOMORROW });
    expect((await list(bound.secret)).data.map(({ id }) => id)).not.toContain(whole.id);
    expect((await meterr().rest('DELETE', `/v1/anomaly-mutes/${whole.id}`, { key: bound.secret })).status).toBe(404);
    expect((await meterr().rest('DELETE', `/v1/anomaly-mutes/${mute.id}`, { key: bound.secret })).status).toBe(200);
  });
});
