import { describe, expect, it } from 'vitest';
import { DEFAULT_NOW, useTestApp } from '../harness/app.ts';
import { EVENT, type MadeOrganization, makeKey, makeOrganization, makeTeam, makeUsage } from '../harness/make.ts';
import {
  BUDGET,
  type BudgetAnswer,
  HOLD,
  type HoldAnswer,
  makeBudget,
  pathsOf,
  readAll,
  readEvents,
} from './budget-answers.ts';

/** Well-formed ids of nothing. */
const NO_BUDGET = 'budget_01h455vb4pex5vsknk084sn02q';
const NO_HOLD = 'hold_01h455vb4pex5vsknk084sn02q';
const CREATE = 'mutation ($input: CreateBudgetInput!) { createBudget(input: $input) { id } }';
const UPDATE = 'mutation ($input: UpdateBudgetInput!) { updateBudget(input: $input) { id } }';

const meterr = useTestApp();
const newOrganization = () => makeOrganization(meterr());
const make = (organization: MadeOrganization, body: object) => makeBudget(meterr(), organization, body);
const hold = (key: string, body: object) => meterr().rest<HoldAnswer>('POST', '/v1/usage/holds', { key, body });

describe('what is wrong with a budget', () => {
  it.each([
    { wrong: { amount: undefined }, rest: 'amount' },
    { wrong: { tokens: 5 }, rest: 'amount' },
    { wrong: { amount: '0' }, rest: 'amount' },
    { wrong: { amount: '-1' }, rest: 'amount' },
    { wrong: { amount: '1000000000000.01' }, rest: 'amount' },
    { wrong: { amount: '0.0000000000000000001' }, rest: 'amount', graphql: 'input.amount' },
    { wrong: { amount: undefined, tokens: 0 }, rest: 'tokens' },
    { wrong: { name: '' }, rest: 'name' },
    { wrong: { name: 'x'.repeat(101) }, rest: 'name' },
    { wrong: { timezone: 'Mars/Olympus' }, rest: 'timezone' },
    { wrong: { timezone: '+05:30' }, rest: 'timezone' },
    { wrong: { per: 'planet' }, rest: 'per' },
    { wrong: { per: 'tag:' }, rest: 'per' },
    { wrong: { per: 'tag:\0' }, rest: 'per' },
    { wrong: { thresholds: [0] }, rest: 'thresholds' },
    { wrong: { thresholds: [1_001] }, rest: 'thresholds' },
    { wrong: { thresholds: Array.from({ length: 21 }, (_, i) => i + 1) }, rest: 'thresholds' },
    { wrong: { raise_amount: '5' }, rest: 'raise_amount' },
    { wrong: { raise_until: '2026-12-01T00:00:00Z' }, rest: 'raise_amount' },
    {
      wrong: { amount: undefined, tokens: 5, raise_amount: '0.5', raise_until: '2026-12-01T00:00:00Z' },
      rest: 'raise_amount',
    },
    { wrong: { scope: { team_id: 'team_nobody' } }, rest: 'scope.team_id' },
    { wrong: { scope: { team_id: 'team_01h455vb4pex5vsknk084sn02q' } }, rest: 'scope.team_id' },
    { wrong: { scope: { api_key_id: 'me' } }, rest: 'scope.api_key_id' },
    { wrong: { scope: { api_key_id: 'key_00000000000000000000000000' } }, rest: 'scope.api_key_id' },
    { wrong: { scope: { user_id: '' } }, rest: 'scope.user_id' },
    { wrong: { scope: { provider: '' } }, rest: 'scope.provider' },
    { wrong: { scope: { model: 'm'.repeat(256) } }, rest: 'scope.model' },
    { wrong: { scope: { tags: { env: 'x'.repeat(256) } } }, rest: 'scope.tags.env' },
  ])('is named by its field in both doors: $rest $wrong', async ({ wrong, rest, graphql }) => {
    const { secret: key } = (await newOrganization()).key;
    const camel = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    const camelKeys = (value: object): object =>
      Object.fromEntries(
        Object.entries(value).map(([name, one]) => [
          camel(name),
          typeof one === 'object' && one !== null && !Array.isArray(one) ? camelKeys(one) : one,
        ]),
      );
    const body = { ...BUDGET, ...wrong };
    const refused = await meterr().rest('POST', '/v1/budgets', { key, body });
    expect({ status: refused.status, ...pathsOf(refused.error) }).toEqual({
      status: 400,
      code: 'invalid_request',
      paths: [rest],
    });
    const input = { ...camelKeys(body), period: 'MONTH' };
    const { error } = await meterr().gql(CREATE, { input }, { key });
    if (graphql) expect(error?.code).toBe('invalid_request');
    else expect(pathsOf(error)).toEqual({ code: 'invalid_request', paths: [camel(rest)] });
  });

  it.each([
    { body: { ...BUDGET, period: 'fortnight' }, path: 'period' },
    { body: { ...BUDGET, action: 'shout' }, path: 'action' },
    { body: { ...BUDGET, colour: 'red' }, path: 'colour' },
    { body: { ...BUDGET, scope: { planet: 'mars' } }, path: 'scope.planet' },
    { body: { amount: '1', period: 'day' }, path: 'name' },
  ])('that REST does not know is refused by name: $path', async ({ body, path }) => {
    const { error } = await meterr().rest('POST', '/v1/budgets', { body });
    expect(pathsOf(error)).toEqual({ code: 'invalid_request', paths: [path] });
  });

  it('is all of it named at once', async () => {
    const body = { ...BUDGET, name: '', per: 'planet', thresholds: [0], scope: { user_id: '' } };
    const { error } = await meterr().rest('POST', '/v1/budgets', { body });
    expect(pathsOf(error).paths?.sort()).toEqual(['name', 'per', 'scope.user_id', 'thresholds']);
  });

  it('is named when it is changed too; what a budget counts cannot be', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    const { id } = await make(organization, {});
    const patch = async (body: object) =>
      pathsOf((await meterr().rest('PATCH', `/v1/budgets/${id}`, { key, body })).error).paths;
    expect(await patch({ tokens: 5 })).toEqual(['tokens']);
    expect(await patch({ amount: '0' })).toEqual(['amount']);
    expect(await patch({ amount: '1', tokens: 5 })).toEqual(['amount']);
    expect(await patch({ name: '' })).toEqual(['name']);
    expect(await patch({ thresholds: [0] })).toEqual(['thresholds']);
    expect(await patch({ raise_amount: '1' })).toEqual(['raise_amount']);
    for (const field of ['scope', 'per', 'period', 'timezone'])
      expect(await patch({ [field]: 'day' })).toEqual([field]);
    const { error } = await meterr().gql(UPDATE, { input: { id, amount: '0' } }, { key });
    expect(pathsOf(error)).toEqual({ code: 'invalid_request', paths: ['amount'] });
    expect(await meterr().ok('GET', `/v1/budgets/${id}`, { key })).toMatchObject({ amount: '100', name: 'Production' });
  });
});

describe('a budget or hold that a key may not see', () => {
  const withoutId = ({ status, text }: { status: number; text: string }) => [status, JSON.parse(text)];

  it('is answered like one that is not there', async () => {
    const [mine, theirs] = [await newOrganization(), await newOrganization()];
    const { id } = await make(theirs, {});
    const { id: holdId } = (await hold(theirs.key.secret, HOLD)).body;
    const ask = async (method: string, path: string, ids: string[], body?: object) =>
      Promise.all(
        ids.map(async (of) => withoutId(await meterr().rest(method, `${path}/${of}`, { key: mine.key.secret, body }))),
      );
    for (const [method, body] of [['GET'], ['DELETE'], ['PATCH', { name: 'Mine' }]] as [string, object?][]) {
      const [foreign, missing, malformed] = await ask(method, '/v1/budgets', [id, NO_BUDGET, 'budget_x'], body);
      expect(foreign).toEqual([404, { error: { code: 'not_found', message: expect.any(String), details: {} } }]);
      expect([missing, malformed]).toEqual([foreign, foreign]);
    }
    const [foreign, missing, malformed] = await ask('DELETE', '/v1/usage/holds', [holdId, NO_HOLD, 'hold_x']);
    expect(foreign).toEqual([404, expect.anything()]);
    expect([missing, malformed]).toEqual([foreign, foreign]);
    const settle = (hold_id: string) =>
      meterr().rest('POST', '/v1/usage', { key: mine.key.secret, body: { ...EVENT, hold_id } });
    for (const one of [holdId, NO_HOLD]) {
      expect(pathsOf((await settle(one)).error)).toEqual({ code: 'invalid_request', paths: ['hold_id'] });
    }
    expect(await meterr().ok('GET', `/v1/budgets/${id}`, { key: theirs.key.secret })).toMatchObject({ held: '0.0075' });
  });

  it('is that of another team, for a key that is bound to one', async () => {
    const organization = await newOrganization();
    const [a, b] = [await makeTeam(meterr(), organization), await makeTeam(meterr(), organization)];
    const scopes = ['budgets:read', 'budgets:write', 'usage:write', 'events:read'] as const;
    const { secret: key } = await makeKey(meterr(), organization, { scopes, team: a });
    const [ofA, ofB, ofAll] = [
      await make(organization, { amount: '0.005', scope: { team_id: a.id }, thresholds: [] }),
      await make(organization, { amount: '0.005', scope: { team_id: b.id }, thresholds: [] }),
      await make(organization, { amount: '0.005', thresholds: [] }),
    ];
    expect((await readAll<BudgetAnswer>(meterr(), '/v1/budgets', key)).map(({ id }) => id)).toEqual([ofA.id]);
    for (const { id } of [ofB, ofAll]) {
      expect((await meterr().rest('GET', `/v1/budgets/${id}`, { key })).status).toBe(404);
      expect((await meterr().rest('PATCH', `/v1/budgets/${id}`, { key, body: { name: 'Mine' } })).status).toBe(404);
    }
    const created = await meterr().ok<BudgetAnswer>('POST', '/v1/budgets', {
      key,
      body: { ...BUDGET, action: 'block' },
    });
    expect(created).toMatchObject({ scope: { team_id: a.id } });
    const other = { ...BUDGET, scope: { team_id: b.id } };
    expect(pathsOf((await meterr().rest('POST', '/v1/budgets', { key, body: other })).error)).toEqual({
      code: 'invalid_request',
      paths: ['scope.team_id'],
    });
    const mine = await hold(key, HOLD);
    expect(mine.status).toBe(201);
    const theirs = await hold(organization.key.secret, { ...HOLD, team_id: b.id });
    expect((await meterr().rest('DELETE', `/v1/usage/holds/${theirs.body.id}`, { key })).status).toBe(404);
    expect((await meterr().rest('DELETE', `/v1/usage/holds/${mine.body.id}`, { key })).status).toBe(200);
    await makeUsage(meterr(), organization.key.secret, [{ team_id: a.id }, { team_id: b.id }]);
    expect((await readEvents(meterr(), key)).map(({ data }) => data.team_id)).toEqual([a.id]);
    expect(await readEvents(meterr(), organization.key.secret)).toHaveLength(3);
  });
});

it('a budget on a key that is foreign, revoked or of another team is refused like one on no key', async () => {
  const [mine, theirs] = [await newOrganization(), await newOrganization()];
  const [a, b] = [await makeTeam(meterr(), mine), await makeTeam(meterr(), mine)];
  const scopes = ['budgets:write'] as const;
  const ofA = await makeKey(meterr(), mine, { scopes, team: a });
  const ofB = await makeKey(meterr(), mine, { scopes, team: b });
  const revoked = await makeKey(meterr(), mine, { revoked: true });
  const ask = async (key: string, id: string) => {
    const body = { ...BUDGET, scope: { api_key_id: id } };
    const { status, error } = await meterr().rest('POST', '/v1/budgets', { key, body });
    return error ? { status, ...error } : status;
  };
  const none = await ask(mine.key.secret, 'key_01h455vb4pex5vsknk084sn02q');
  expect(none).toMatchObject({ status: 400, details: { fields: [{ path: 'scope.api_key_id' }] } });
  for (const { id } of [theirs.key, revoked]) expect(await ask(mine.key.secret, id)).toEqual(none);
  for (const { id } of [ofB, mine.key]) expect(await ask(ofA.secret, id)).toEqual(none);
  expect(await ask(ofA.secret, ofA.id)).toBe(201);
  expect(await ask(mine.key.secret, ofB.id)).toBe(201);
});

describe('the budget of a team that is deleted', () => {
  it('ends with it: it says when, counts and blocks no more, and cannot be changed', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    const team = await makeTeam(meterr(), organization);
    const body = { amount: '1', action: 'block', scope: { team_id: team.id } };
    const { id } = await make(organization, body);
    const other = await make(organization, { name: 'Whole' });
    await makeUsage(meterr(), key, [{ cost: '0.25', team_id: team.id }]);
    await meterr().ok('DELETE', `/v1/teams/${team.id}`, { key });
    const ended = await meterr().ok<BudgetAnswer>('GET', `/v1/budgets/${id}`, { key });
    expect(ended).toMatchObject({ ended_at: DEFAULT_NOW, spent: '0.25', limit: '1' });
    const costs = await meterr().ok<{ budgets: { id: string }[] }>('GET', '/v1/costs', { key });
    expect(costs.budgets.map((one) => one.id)).toEqual([other.id]);
    const patched = await meterr().rest('PATCH', `/v1/budgets/${id}`, { key, body: { amount: '5' } });
    expect([patched.status, patched.error?.code]).toEqual([409, 'conflict']);
    const refused = await meterr().rest('POST', '/v1/budgets', { key, body: { ...BUDGET, ...body } });
    expect(pathsOf(refused.error)).toEqual({ code: 'invalid_request', paths: ['scope.team_id'] });
    const { data } = await meterr().ok<{ data: { action: string; target_id: string }[] }>('GET', '/v1/audit-log', {
      key,
    });
    expect(data).toContainEqual(expect.objectContaining({ action: 'budget.ended', target_id: id }));
    expect(await meterr().ok('DELETE', `/v1/budgets/${id}`, { key })).toMatchObject({ id, ended_at: DEFAULT_NOW });
  });

  it('is made before the team ends and ends with it, or is refused, however they meet', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    for (let round = 0; round < 5; round++) {
      const team = await makeTeam(meterr(), organization);
      const body = { ...BUDGET, scope: { team_id: team.id } };
      const made = await Promise.all([
        ...Array.from({ length: 4 }, () => meterr().rest<BudgetAnswer>('POST', '/v1/budgets', { key, body })),
        meterr().rest<BudgetAnswer>('DELETE', `/v1/teams/${team.id}`, { key }),
        ...Array.from({ length: 4 }, () => meterr().rest<BudgetAnswer>('POST', '/v1/budgets', { key, body })),
      ]);
      expect(made.filter(({ status }) => ![200, 201, 400].includes(status))).toEqual([]);
      for (const { body: one } of made.filter(({ status }) => status === 201)) {
        expect(await meterr().ok('GET', `/v1/budgets/${one.id}`, { key })).toMatchObject({ ended_at: DEFAULT_NOW });
      }
    }
  });
});
