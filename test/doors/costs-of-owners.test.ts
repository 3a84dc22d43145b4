import pg from 'pg';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { useTestApp } from '../harness/app.ts';
import {
  type MadeKey,
  type MadeMember,
  type MadeOrganization,
  type MadeTeam,
  makeKey,
  makeMember,
  makeOrganization,
  makeTeam,
  makeUsage,
} from '../harness/make.ts';

const meterr = useTestApp({ env: { METERR_EXCHANGE_RATES: 'EUR:0.5@2026-11-20' } });
let organization: MadeOrganization;
let stranger: MadeOrganization;
/** All teams that the organization has, in the order of their list. */
let teams: MadeTeam[];
let ann: MadeMember;
let app: MadeKey;
const TEAMS = 30;

const DAYS = ['2026-11-02T00:00:00Z', '2026-11-20T23:59:59Z', '2026-10-03T12:00:00Z', '2026-10-29T12:00:00Z'];

beforeAll(async () => {
  organization = await makeOrganization(meterr());
  stranger = await makeOrganization(meterr());
  teams = [];
  for (let i = 0; i < TEAMS; i++) teams.push(await makeTeam(meterr(), organization));
  teams.sort((a, b) => (a.id < b.id ? 1 : -1));
  const [first, second] = teams as [MadeTeam, MadeTeam];
  ann = await makeMember(meterr(), organization, first, 'admin', 'Ann');
  app = await makeKey(meterr(), organization, { scopes: ['usage:write'], name: 'App' });
  const spend = (teamId: string | null, from: number) =>
    DAYS.map((timestamp, i) => ({
      timestamp,
      team_id: teamId,
      cost: `${from + i}.000000000000000001`,
      model: `m-${i % 2}`,
    }));
  await makeUsage(meterr(), organization.key.secret, [...teams.slice(0, 25).flatMap(({ id }, i) => spend(id, i)), {}]);
  await makeUsage(meterr(), ann.key.secret, spend(null, 100));
  await makeUsage(meterr(), app.secret, [...spend(first.id, 200), ...spend(second.id, 300), ...spend(null, 400)]);
  await makeUsage(meterr(), stranger.key.secret, [{ cost: '9999' }]);
});

afterEach(() => vi.restoreAllMocks());

const COSTS = `{ start end timezone currency exchange { rate } total previous { start end total } changePercent totalTokens
  requests unpricedRequests trend(interval: DAY) { start cost requests } }`;

interface Costs {
  start: string;
  end: string;
  timezone: string;
  currency: string;
  exchange: { rate: string } | null;
  total: string;
  previous: { start: string; end: string; total: string };
  changePercent: number | null;
  totalTokens: number;
  requests: number;
  unpricedRequests: number;
  trend: { start: string; cost: string; requests: number }[] | null;
}

interface Node {
  id: string;
  costs: Costs | null;
}

interface List {
  list: { edges: { node: Node }[] };
}

/** What the query of costs says with a filter: the long form. */
async function costsOf(filter: object, args = '', key = organization.key.secret): Promise<Costs> {
  const query = `query ($filter: UsageFilter) { costs(filter: $filter ${args}) {
    start end timezone currency exchange { rate } total previous { start end total } changePercent unpricedRequests
    data { cost totalTokens requests } trend(interval: DAY) { start cost requests } } }`;
  interface Answer {
    costs: Omit<Costs, 'totalTokens' | 'requests'> & { data: { totalTokens: number; requests: number }[] };
  }
  const { data, ...costs } = (await meterr().data<Answer>(query, { filter }, { key })).costs;
  const sum = (field: 'totalTokens' | 'requests') => data.reduce((all, row) => all + row[field], 0);
  return { ...costs, totalTokens: sum('totalTokens'), requests: sum('requests') };
}

async function list(field: string, args = '', key = organization.key.secret): Promise<Node[]> {
  const query = `{ list: ${field} { edges { node { id costs${args && `(${args})`} ${COSTS} } } } }`;
  return (await meterr().data<List>(query, null, { key })).list.edges.map(({ node }) => node);
}

describe('the costs of a team, a member and an API key', () => {
  it.each(['', 'period: QUARTER', 'timezone: "Pacific/Apia", currency: "EUR"'])(
    'are what a filter by it says, with %j',
    async (args) => {
      const found = await list('teams(first: 100)', args);
      expect(found.map(({ id }) => id)).toEqual(teams.map(({ id }) => id));
      for (const { id, costs } of [...found.slice(0, 3), ...found.slice(-1)]) {
        expect(costs).toEqual(await costsOf({ teamId: id }, args));
      }
      const [member] = await list(`members(teamId: "${teams[0]?.id}")`, args);
      expect(member?.costs).toEqual(await costsOf({ memberId: ann.id }, args));
      const keys = await list('apiKeys', args);
      expect(keys).toHaveLength(3);
      for (const { id, costs } of keys) expect(costs).toEqual(await costsOf({ apiKeyId: id }, args));
    },
  );

  it('are 0 where nothing was used, with a point of 0 for each day that has begun', async () => {
    const { costs } = (await list('teams(first: 100)')).at(-1) as Node;
    expect(costs).toMatchObject({ total: '0', changePercent: null, requests: 0, previous: { total: '0' } });
    expect(costs?.trend).toHaveLength(22);
    expect(costs?.trend?.every(({ cost }) => cost === '0')).toBe(true);
  });

  it('are read in as many statements for 30 teams as for 2', async () => {
    const counted = async (first: number) => {
      const query = vi.spyOn(pg.Client.prototype, 'query');
      await list(`teams(first: ${first})`);
      const texts = query.mock.calls.map(([statement]) => JSON.stringify(statement));
      query.mockRestore();
      const count = (part: string) => texts.filter((text) => text.includes(part)).length;
      return { sums: count('parts AS MATERIALIZED'), retention: count('retired_before'), names: count('names-of') };
    };
    const few = await counted(2);
    // This period, the one before, and the trend.
    expect(few.sums).toBe(3);
    expect(await counted(TEAMS)).toEqual(few);
  });

  it('are limited to what the key sees: a key of a team its team alone, and of keys what they recorded for it', async () => {
    const [first, second] = teams as [MadeTeam, MadeTeam];
    const bound = await makeKey(meterr(), organization, { scopes: ['admin'], team: second, name: 'Bound' });
    expect(await list('teams', '', bound.secret)).toEqual([
      { id: second.id, costs: await costsOf({ teamId: second.id }) },
    ]);
    const node = async (id: string) => {
      const query = `query ($id: ID!) { node(id: $id) { id ... on Team { costs { total } } ... on Member { costs { total } }
        ... on ApiKey { costs { total } } } }`;
      return (await meterr().data<{ node: unknown }>(query, { id }, { key: bound.secret })).node;
    };
    for (const { id } of [first, ann, app]) expect(await node(id)).toBeNull();
    expect(await node(bound.id)).toEqual({ id: bound.id, costs: { total: '0' } });
    await meterr().sql.query('DELETE FROM api_keys WHERE id = $1', [bound.uuid]);
  });

  it('need costs:read: without it they are null with an error, and the rest is answered', async () => {
    const key = await makeKey(meterr(), organization, { scopes: ['teams:read'] });
    const query = `{ teams(first: 1) { edges { node { name costs { total } } } } }`;
    const { data, error } = await meterr().gql(query, null, { key: key.secret });
    expect(data).toEqual({ teams: { edges: [{ node: { name: teams[0]?.name, costs: null } }] } });
    expect([error?.code, error?.details.requiredScope]).toEqual(['insufficient_permissions', 'costs:read']);
    await meterr().sql.query('DELETE FROM api_keys WHERE id = $1', [key.uuid]);
  });

  it('of one question stand where another of the same request is refused', async () => {
    const query = `query ($id: ID!) { team(id: $id) { month: costs { total } zone: costs(timezone: "Nowhere") { total }
      rate: costs(currency: "GBP") { total } hours: costs(period: YEAR) { total trend(interval: HOUR) { cost } } } }`;
    const { data, errors } = await meterr().gql(query, { id: teams[0]?.id }, { key: organization.key.secret });
    const { total } = await costsOf({ teamId: teams[0]?.id });
    const year = await costsOf({ teamId: teams[0]?.id }, 'period: YEAR');
    expect(data).toEqual({
      team: { month: { total }, zone: null, rate: null, hours: { total: year.total, trend: null } },
    });
    const fields = errors?.map(({ extensions }) => extensions.details?.fields?.[0]?.path);
    expect(fields?.sort()).toEqual(['currency', 'interval', 'timezone']);
  });
});

describe('an operation', () => {
  const cost = 'The operation costs more than 50000 fields';
  const ask = async (query: string) =>
    (await meterr().gql(query, null, { key: organization.key.secret })).error?.message;

  it('may ask the costs of a page of 100 with their trends, and 24 sums are the most', async () => {
    const trends = `{ teams(first: 100) { edges { node { costs { total trend { start cost } } } } } }`;
    expect(await ask(trends)).toBeUndefined();
    const aliases = (count: number) =>
      `{ teams(first: 1) { edges { node { ${Array.from({ length: count }, (_, i) => `c${i}: costs { total }`).join(' ')} } } } }`;
    expect(await ask(aliases(24))).toBeUndefined();
    expect(await ask(aliases(25))).toContain(cost);
  });

  it('pays for sums of lists in lists once for each list, and more for hours', async () => {
    const nested = (first: number) => `{ teams(first: ${first}) { edges { node {
      members(first: 1) { edges { node { costs { total } } } } } } } }`;
    expect(await ask(nested(20))).toBeUndefined();
    expect(await ask(nested(30))).toContain(cost);
    const hours = (count: number) =>
      `{ costs(limit: 1) { ${Array.from({ length: count }, (_, i) => `t${i}: trend(interval: HOUR) { cost }`).join(' ')} } }`;
    expect(await ask(hours(6))).toBeUndefined();
    expect(await ask(hours(7))).toContain(cost);
  });
});
