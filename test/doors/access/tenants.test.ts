import { beforeAll, describe, expect, it } from 'vitest';
import type { ListAnswer, UsageEventAnswer, UsageSummaryAnswer } from '../../harness/answers.ts';
import { useTestApp } from '../../harness/app.ts';
import {
  EVENT,
  EVENT_COST,
  EVENT_INPUT,
  type MadeKey,
  type MadeOrganization,
  type MadeTeam,
  makeKey,
  makeOrganization,
  makeTeam,
  makeUsage,
} from '../../harness/make.ts';
import { NO_USAGE_ID } from '../../harness/operations.ts';

const meterr = useTestApp();

const NODE = 'query ($id: ID!) { node(id: $id) { __typename id } }';
const EVENT_QUERY = 'query ($id: ID!) { usageEvent(id: $id) { id } }';
const record = (body: object, key: string) => meterr().rest<UsageEventAnswer>('POST', '/v1/usage', { body, key });
const totals = async (key: string, query = '') =>
  (await meterr().ok<UsageSummaryAnswer>('GET', `/v1/usage${query}`, { key })).totals;
const history = async (key: string, query = '') =>
  (await meterr().ok<ListAnswer<UsageEventAnswer>>('GET', `/v1/usage/history${query}`, { key })).data;

describe('another organization', () => {
  let mine: MadeOrganization;
  let theirs: MadeOrganization;
  let event: string;

  beforeAll(async () => {
    mine = await makeOrganization(meterr());
    theirs = await makeOrganization(meterr());
    [event = ''] = await makeUsage(meterr(), mine.key.secret, [{ id: 'e', user_id: 'u', tags: { env: 'prod' } }]);
  });

  it('sees nothing of mine in totals, history, costs', async () => {
    const key = theirs.key.secret;
    expect(await totals(key)).toMatchObject({ requests: 0, cost: '0' });
    expect(await totals(key, '?user_id=u&tag.env=prod')).toMatchObject({ requests: 0 });
    const foreign = await meterr().rest('GET', `/v1/usage?api_key_id=${mine.key.id}`, { key });
    expect(foreign.error).toMatchObject({ code: 'invalid_request', details: { fields: [{ path: 'api_key_id' }] } });
    expect(await history(key)).toEqual([]);
    expect(await meterr().ok('GET', '/v1/costs', { key })).toMatchObject({ total: '0', data: [] });
  });

  it('gets the same 404 for my event as for none, to the letter, in both doors', async () => {
    const { rest, gql } = meterr();
    const key = theirs.key.secret;
    const [hidden, missing] = [event, NO_USAGE_ID];
    for (const [method, suffix, body] of [
      ['GET', '', undefined],
      ['POST', '/void', { reason: 'not mine' }],
    ] as const) {
      const a = await rest(method, `/v1/usage/${hidden}${suffix}`, { key, body });
      const b = await rest(method, `/v1/usage/${missing}${suffix}`, { key, body });
      expect({ status: a.status, text: a.text }).toEqual({ status: 404, text: b.text });
      expect(a.error?.code).toBe('not_found');
    }
    const a = await gql(EVENT_QUERY, { id: hidden }, { key });
    const b = await gql(EVENT_QUERY, { id: missing }, { key });
    expect(a.error).toEqual(b.error);
    expect(a.error?.code).toBe('not_found');
  });

  it('gets null from node() for what is mine, whatever it is, as for nothing', async () => {
    const { gql } = meterr();
    const team = await makeTeam(meterr(), mine);
    for (const id of [event, mine.id, mine.key.id, team.id, NO_USAGE_ID]) {
      const { data, errors } = await gql(NODE, { id }, { key: theirs.key.secret });
      expect({ data, errors }).toEqual({ data: { node: null }, errors: undefined });
      if (id !== NO_USAGE_ID)
        expect((await gql(NODE, { id }, { key: mine.key.secret })).data).toMatchObject({ node: { id } });
    }
  });

  it('may not write to my team, which it is told does not exist', async () => {
    const team = await makeTeam(meterr(), mine);
    const { status, error } = await record({ ...EVENT, team_id: team.id }, theirs.key.secret);
    expect({ status, fields: error?.details.fields }).toEqual({
      status: 400,
      fields: [{ path: 'team_id', message: 'there is no such team' }],
    });
  });

  it('has its own events undisturbed by the same ids', async () => {
    const { body } = await record({ ...EVENT, id: 'e' }, theirs.key.secret);
    expect(body.id).not.toBe(event);
    expect(await totals(theirs.key.secret)).toMatchObject({ requests: 1 });
    expect(await totals(mine.key.secret)).toMatchObject({ requests: 1 });
  });
});

describe('a key that is bound to a team', () => {
  let organization: MadeOrganization;
  let team: MadeTeam;
  let otherTeam: MadeTeam;
  let bound: MadeKey;
  let ofTeam: string;
  let ofOther: string;
  let ofNone: string;

  beforeAll(async () => {
    organization = await makeOrganization(meterr());
    [team, otherTeam] = [await makeTeam(meterr(), organization), await makeTeam(meterr(), organization)];
    bound = await makeKey(meterr(), organization, { scopes: ['admin'], team });
    const events = [{ team_id: team.id }, { team_id: otherTeam.id }, {}].map((event) => ({ ...event, user_id: 'u' }));
    [ofTeam = '', ofOther = '', ofNone = ''] = await makeUsage(meterr(), organization.key.secret, events);
  });

  it('sees its team only, in totals, with every grouping and filter', async () => {
    for (const query of [
      '',
      '?interval=day',
      '?group_by=team',
      '?group_by=user,team',
      '?user_id=u',
      '?start=2026-11-22T09:59:59Z',
    ]) {
      expect(await totals(bound.secret, query)).toMatchObject({ requests: 1, cost: EVENT_COST });
    }
    const other = await meterr().rest('GET', `/v1/usage?team_id=${otherTeam.id}`, { key: bound.secret });
    expect(other.error).toMatchObject({ code: 'invalid_request', details: { fields: [{ path: 'team_id' }] } });
    expect(await totals(organization.key.secret)).toMatchObject({ requests: 3 });
  });

  it('sees its team only, in costs and history, in both doors', async () => {
    const { ok, data } = meterr();
    expect(await ok('GET', '/v1/costs', { key: bound.secret })).toMatchObject({ total: EVENT_COST });
    expect((await history(bound.secret)).map(({ id }) => id)).toEqual([ofTeam]);
    const other = await meterr().rest('GET', `/v1/usage/history?team_id=${otherTeam.id}`, { key: bound.secret });
    expect(other.status).toBe(400);
    const query = '{ costs { total } usage { totals { requests } } usageEvents { edges { node { id } } } }';
    expect(await data(query, null, { key: bound.secret })).toEqual({
      costs: { total: EVENT_COST },
      usage: { totals: { requests: 1 } },
      usageEvents: { edges: [{ node: { id: ofTeam } }] },
    });
  });

  it('gets 404 for an event of another team or of none, as for no event', async () => {
    const { rest, gql } = meterr();
    const key = bound.secret;
    const missing = await rest('GET', `/v1/usage/${NO_USAGE_ID}`, { key });
    for (const id of [ofOther, ofNone]) {
      const answer = await rest('GET', `/v1/usage/${id}`, { key });
      expect({ status: answer.status, text: answer.text }).toEqual({ status: 404, text: missing.text });
      const voiding = await rest('POST', `/v1/usage/${id}/void`, { key, body: { reason: 'not mine' } });
      expect(voiding.status).toBe(404);
      expect((await gql(EVENT_QUERY, { id }, { key })).error?.code).toBe('not_found');
      expect((await gql(NODE, { id }, { key })).data).toEqual({ node: null });
    }
    expect((await rest('GET', `/v1/usage/${ofTeam}`, { key })).status).toBe(200);
    expect((await gql(NODE, { id: ofTeam }, { key })).data).toMatchObject({ node: { id: ofTeam } });
  });

  it('sees its own team as a node, and no other team or key', async () => {
    const { gql } = meterr();
    const key = bound.secret;
    const seen = async (id: string) =>
      (await gql<{ node: { id: string } | null }>(NODE, { id }, { key })).data.node?.id;
    expect(await seen(team.id)).toBe(team.id);
    expect(await seen(bound.id)).toBe(bound.id);
    expect(await seen(otherTeam.id)).toBeUndefined();
    expect(await seen(organization.key.id)).toBeUndefined();
  });

  it('writes to its team, named or not, and to no other', async () => {
    const { gql } = meterr();
    const key = bound.secret;
    expect((await record(EVENT, key)).body.team_id).toBe(team.id);
    expect((await record({ ...EVENT, team_id: team.id }, key)).status).toBe(201);
    const refused = await record({ ...EVENT, team_id: otherTeam.id }, key);
    expect(refused.error?.details.fields).toEqual([{ path: 'team_id', message: 'there is no such team' }]);
    const mutation = 'mutation ($input: RecordUsageInput!) { recordUsage(input: $input) { teamId } }';
    const write = (teamId?: string) => gql(mutation, { input: { ...EVENT_INPUT, teamId } }, { key });
    expect((await write()).data).toEqual({ recordUsage: { teamId: team.id } });
    expect((await write(otherTeam.id)).error?.details.fields).toMatchObject([{ path: 'teamId' }]);
  });

  it('takes back what is its team’s', async () => {
    const before = await totals(bound.secret);
    const answer = await meterr().rest('POST', `/v1/usage/${ofTeam}/void`, {
      key: bound.secret,
      body: { reason: 'twice' },
    });
    expect(answer.status).toBe(201);
    expect((await totals(bound.secret)).requests).toBe(before.requests - 1);
  });
});

it('a deleted team takes no more events', async () => {
  const { organization, adminKey } = meterr();
  const team = await makeTeam(meterr(), organization, { deleted: true });
  expect((await record({ ...EVENT, team_id: team.id }, adminKey)).status).toBe(400);
});
