import { describe, expect, it } from 'vitest';
import type { ListAnswer } from '../harness/answers.ts';
import { DEFAULT_NOW, useTestApp } from '../harness/app.ts';
import type { Failure } from '../harness/calls.ts';
import { EVENT, type MadeOrganization, makeKey, makeOrganization, makeTeam, makeUsage } from '../harness/make.ts';
import { type BudgetAnswer, type EventAnswer, type HoldAnswer, readAll, readEvents } from './budget-answers.ts';

const meterr = useTestApp();
const BUDGET = { name: 'Production', amount: '100.00', period: 'month' } as const;
const HOLD = { provider: 'openai', model: 'gpt-4o', input_tokens: 1000, max_output_tokens: 500 } as const;
const HOLD_INPUT = { provider: 'openai', model: 'gpt-4o', inputTokens: 1000, maxOutputTokens: 500 } as const;
const UNPRICED = { ...HOLD, provider: 'nobody', model: 'unheard-of' };
/** Well-formed ids of nothing. */
const NO_BUDGET = 'budget_01h455vb4pex5vsknk084sn02q';
const NO_HOLD = 'hold_01h455vb4pex5vsknk084sn02q';

const newOrganization = () => makeOrganization(meterr());
const make = (organization: MadeOrganization, body: object) =>
  meterr().ok<BudgetAnswer>('POST', '/v1/budgets', { key: organization.key.secret, body: { ...BUDGET, ...body } });
const hold = (key: string, body: object) => meterr().rest<HoldAnswer>('POST', '/v1/usage/holds', { key, body });

const CREATE = 'mutation ($input: CreateBudgetInput!) { createBudget(input: $input) { id } }';
const UPDATE = 'mutation ($input: UpdateBudgetInput!) { updateBudget(input: $input) { id } }';
const CREATE_HOLD = 'mutation ($input: CreateHoldInput!) { createHold(input: $input) { id } }';
const pathsOf = (error: Failure | undefined) => ({
  code: error?.code,
  paths: error?.details.fields?.map(({ path }) => path),
});

describe('a budget', () => {
  it('is answered as it was made, with where it stands', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    const team = await makeTeam(meterr(), organization);
    const scope = { team_id: team.id, provider: 'OpenAI', tags: { env: 'prod' } };
    const body = { ...BUDGET, timezone: 'Asia/Kolkata', scope, thresholds: [80, 50, 80], action: 'block' };
    const { status, body: made } = await meterr().rest<BudgetAnswer>('POST', '/v1/budgets', { key, body });
    expect(status).toBe(201);
    expect(made).toEqual({
      id: expect.stringMatching(/^budget_[0-7][0-9a-z]{25}$/),
      name: 'Production',
      amount: '100',
      tokens: null,
      raise_amount: null,
      raise_until: null,
      period: 'month',
      timezone: 'Asia/Kolkata',
      scope: {
        team_id: team.id,
        user_id: null,
        provider: 'openai',
        model: null,
        api_key_id: null,
        tags: { env: 'prod' },
      },
      per: null,
      thresholds: [50, 80],
      action: 'block',
      limit: '100',
      spent: '0',
      held: '0',
      remaining: '100',
      percent: 0,
      matched_events: 0,
      period_start: '2026-10-31T18:30:00.000Z',
      period_end: '2026-11-30T18:30:00.000Z',
      subject: null,
      subjects: [],
      created_at: DEFAULT_NOW,
      updated_at: DEFAULT_NOW,
    });
    expect(await meterr().ok('GET', `/v1/budgets/${made.id}`, { key })).toEqual(made);
  });

  it('has UTC, 50, 80 and 100 percent, and alerts, where nothing else is said', async () => {
    const made = await make(await newOrganization(), {});
    expect(made).toMatchObject({ timezone: 'UTC', thresholds: [50, 80, 100], action: 'alert', per: null });
  });

  it('counts all that fits its scope and nothing else: in money, with holds apart', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    const team = await makeTeam(meterr(), organization);
    const other = await makeKey(meterr(), organization, { scopes: ['admin'] });
    const scopes = [
      { team_id: team.id },
      { user_id: 'u-1' },
      { provider: 'openai' },
      { model: 'gpt-4o' },
      { api_key_id: organization.key.id },
      { tags: { env: 'prod' } },
      { team_id: team.id, user_id: 'u-1', provider: 'openai', model: 'gpt-4o', tags: { env: 'prod', app: 'a' } },
      {},
    ];
    const budgets = await Promise.all(scopes.map((scope) => make(organization, { scope })));
    const full = { team_id: team.id, user_id: 'u-1', tags: { env: 'prod', app: 'a', more: '1' } };
    await makeUsage(meterr(), key, [
      { ...full, cost: '1' },
      { ...full, cost: '2', team_id: null },
      { ...full, cost: '4', user_id: 'u-2' },
      { ...full, cost: '8', provider: 'anthropic' },
      { ...full, cost: '16', model: 'gpt-4o-mini' },
      { ...full, cost: '32', tags: { env: 'dev', app: 'a' } },
    ]);
    await makeUsage(meterr(), other.secret, [{ ...full, cost: '64' }]);
    await hold(key, { ...HOLD, ...full, amount: '0.5' });
    const found = await Promise.all(
      budgets.map(({ id }) => meterr().ok<BudgetAnswer>('GET', `/v1/budgets/${id}`, { key })),
    );
    const spent = ['125', '123', '119', '111', '63', '95', '65', '127'];
    expect(found.map((budget) => budget.spent)).toEqual(spent);
    expect(found.map((budget) => budget.matched_events)).toEqual([6, 6, 6, 6, 6, 6, 2, 7]);
    expect(found.map((budget) => budget.held)).toEqual(spent.map(() => '0.5'));
    expect(found[0]).toMatchObject({ percent: 125, remaining: '-25.5' });
  });

  it('of tokens counts numbers of tokens, of unpriced models too', async () => {
    const organization = await newOrganization();
    const { id } = await make(organization, { amount: undefined, tokens: 10_000 });
    await makeUsage(meterr(), organization.key.secret, [{}, { provider: 'nobody', model: 'unheard-of' }]);
    await hold(organization.key.secret, UNPRICED);
    expect(await meterr().ok('GET', `/v1/budgets/${id}`, { key: organization.key.secret })).toMatchObject({
      amount: null,
      tokens: 10_000,
      limit: 10_000,
      spent: 3_000,
      held: 1_500,
      remaining: 5_500,
      percent: 30,
      matched_events: 2,
    });
  });

  it.each([
    { per: 'user', subject: 'u-1', other: 'u-2' },
    { per: 'tag:env', subject: 'prod', other: 'dev' },
    { per: 'tag:constructor', subject: 'mine', other: 'yours' },
  ])('per $per counts each value apart, and what has none not at all', async ({ per, subject, other }) => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    const { id } = await make(organization, { per });
    const as = (value: string) => (per === 'user' ? { user_id: value } : { tags: { [per.slice(4)]: value } });
    await makeUsage(meterr(), key, [{ cost: '7' }, { ...as(other), cost: '1' }, { ...as(subject), cost: '2.5' }]);
    await makeUsage(meterr(), key, [
      { ...as(subject), cost: '3' },
      { tags: { unrelated: 'x' }, cost: '9' },
    ]);
    const standing = { held: '0', percent: expect.any(Number) };
    const first = { subject, spent: '5.5', remaining: '94.5', matched_events: 2, ...standing, percent: 5.5 };
    const budget = await meterr().ok<BudgetAnswer>('GET', `/v1/budgets/${id}`, { key });
    expect(budget).toMatchObject(first);
    expect(budget.subjects).toEqual([
      first,
      { subject: other, spent: '1', remaining: '99', matched_events: 1, ...standing, percent: 1 },
    ]);
  });

  it('per team and per api_key names its subjects by their ids, in events too', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    const team = await makeTeam(meterr(), organization);
    const perTeam = await make(organization, { per: 'team', amount: '1', thresholds: [] });
    const perKey = await make(organization, { per: 'api_key', amount: '2', thresholds: [] });
    await makeUsage(meterr(), key, [{ cost: '1', team_id: team.id }, { cost: '1' }]);
    const told = (await readEvents(meterr(), key)).map(({ data }) => [data.budget_id, data.subject, data.team_id]);
    expect(told).toEqual(
      expect.arrayContaining([
        [perTeam.id, team.id, team.id],
        [perKey.id, organization.key.id, null],
      ]),
    );
    expect(told).toHaveLength(2);
  });

  it('is listed newest first, page by page, until it is deleted', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    const made: string[] = [];
    for (let i = 0; i < 5; i++) made.unshift((await make(organization, { name: `Budget ${i}` })).id);
    const idsOf = (page: ListAnswer<BudgetAnswer>) => page.data.map(({ id }) => id);
    const list = (query: string) => meterr().ok<ListAnswer<BudgetAnswer>>('GET', `/v1/budgets?${query}`, { key });
    // Ids of one millisecond have no order among themselves: pages hold each once, whatever it is.
    const all = idsOf(await list('limit=100'));
    expect([...all].sort()).toEqual([...made].sort());
    const first = await list('limit=2');
    const second = await list(`limit=2&cursor=${first.next_cursor}`);
    const third = await list(`limit=2&cursor=${second.next_cursor}`);
    expect([first, second, third].flatMap(idsOf)).toEqual(all);
    expect([first, second, third].map(({ has_more }) => has_more)).toEqual([true, true, false]);
    expect(third.next_cursor).toBeNull();
    const [gone] = made;
    expect(await meterr().ok('DELETE', `/v1/budgets/${gone}`, { key })).toMatchObject({ id: gone, name: 'Budget 4' });
    expect(idsOf(await list('limit=100'))).not.toContain(gone);
    for (const method of ['GET', 'DELETE']) {
      expect((await meterr().rest(method, `/v1/budgets/${gone}`, { key })).status).toBe(404);
    }
  });

  it('that is deleted counts and blocks no more', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    const { id } = await make(organization, { amount: '0.001', action: 'block', thresholds: [1] });
    expect((await hold(key, HOLD)).status).toBe(402);
    await meterr().ok('DELETE', `/v1/budgets/${id}`, { key });
    expect((await hold(key, HOLD)).body.budgets).toEqual([]);
    await makeUsage(meterr(), key, [{}]);
    expect(await readEvents(meterr(), key)).toEqual([]);
  });

  it('keeps what a change leaves out', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    const made = await make(organization, { thresholds: [10], raise_amount: '5', raise_until: '2026-12-01T00:00:00Z' });
    expect(made.limit).toBe('105');
    const change = (body: object) => meterr().ok<BudgetAnswer>('PATCH', `/v1/budgets/${made.id}`, { key, body });
    const renamed = await change({ name: 'Other' });
    expect(renamed).toEqual({ ...made, name: 'Other' });
    const narrowed = await change({ amount: '7', action: 'block' });
    expect(narrowed).toMatchObject({ name: 'Other', amount: '7', limit: '12', action: 'block', thresholds: [10] });
    expect(await change({ raise_amount: null, raise_until: null })).toMatchObject({ raise_amount: null, limit: '7' });
  });
});

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

describe('a hold', () => {
  it('says what it reserves, until when, and what is left of each budget, the least left first', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    const wide = await make(organization, { amount: '10' });
    const narrow = await make(organization, { amount: '1', action: 'block' });
    const tokens = await make(organization, { amount: undefined, tokens: 50_000 });
    await makeUsage(meterr(), key, [{ cost: '0.25' }]);
    const { status, body } = await hold(key, HOLD);
    expect(status).toBe(201);
    const money = { spent: '0.25', held: '0.0075' };
    expect(body).toEqual({
      id: expect.stringMatching(/^hold_[0-7][0-9a-z]{25}$/),
      status: 'active',
      provider: 'openai',
      model: 'gpt-4o',
      amount: '0.0075',
      tokens: 1_500,
      created_at: DEFAULT_NOW,
      expires_at: '2026-11-22T10:05:00.000Z',
      budgets: [
        { id: narrow.id, limit: '1', remaining: '0.7425', ...money },
        { id: wide.id, limit: '10', remaining: '9.7425', ...money },
        { id: tokens.id, limit: 50_000, spent: 1_500, held: 1_500, remaining: 47_000 },
      ],
      credits: null,
    });
  });

  it('that has no room is refused with the numbers, of the budget with the least left: money', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    await make(organization, { amount: '5', action: 'block' });
    const { id } = await make(organization, { amount: '4', action: 'block' });
    await make(organization, { amount: '1', action: 'alert' });
    await makeUsage(meterr(), key, [{ cost: '1.5' }]);
    expect((await hold(key, { ...HOLD, amount: '2' })).status).toBe(201);
    const refused = await hold(key, { ...HOLD, amount: '1.750000000000000001' });
    expect(refused.status).toBe(402);
    expect(refused.error).toEqual({
      code: 'budget_exceeded',
      message: expect.stringContaining(id),
      details: { budget_id: id, limit: '4', current: '3.5', requested: '1.750000000000000001' },
    });
    const { error } = await meterr().gql(CREATE_HOLD, { input: { ...HOLD_INPUT, amount: '0.6' } }, { key });
    expect(error).toMatchObject({
      code: 'budget_exceeded',
      details: { budgetId: id, limit: '4', current: '3.5', requested: '0.6' },
    });
    expect((await hold(key, { ...HOLD, amount: '0.5' })).status).toBe(201);
  });

  it('that has no room is refused with the numbers: tokens', async () => {
    const organization = await newOrganization();
    const { id } = await make(organization, { amount: undefined, tokens: 1_499, action: 'block' });
    const refused = await hold(organization.key.secret, UNPRICED);
    expect(refused.error?.details).toEqual({ budget_id: id, limit: 1_499, current: 0, requested: 1_500 });
  });

  it('of a model without a price is refused under a blocking budget of money, unless it says an amount', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    const budget = await make(organization, { action: 'alert' });
    const open = await hold(key, UNPRICED);
    expect(open.body).toMatchObject({ amount: null, budgets: [{ held: '0' }] });
    await meterr().ok('PATCH', `/v1/budgets/${budget.id}`, { key, body: { action: 'block' } });
    const refused = await hold(key, UNPRICED);
    expect(refused.status).toBe(400);
    expect(pathsOf(refused.error)).toEqual({ code: 'invalid_request', paths: ['amount'] });
    expect((await hold(key, { ...UNPRICED, amount: '2' })).body).toMatchObject({
      amount: '2',
      budgets: [{ held: '2' }],
    });
  });

  it.each([
    { wrong: { expires_in: 0 }, path: 'expires_in' },
    { wrong: { expires_in: 3_601 }, path: 'expires_in' },
    { wrong: { expires_in: -1 }, path: 'expires_in' },
    { wrong: { amount: '0' }, path: 'amount' },
    { wrong: { amount: '-1' }, path: 'amount' },
    { wrong: { amount: '1000000000000.01' }, path: 'amount' },
    { wrong: { amount: 'much' }, path: 'amount' },
    { wrong: { model: '' }, path: 'model' },
    { wrong: { provider: '' }, path: 'provider' },
    { wrong: { max_output_tokens: -1 }, path: 'max_output_tokens' },
    { wrong: { max_output_tokens: Number.MAX_SAFE_INTEGER }, path: 'max_output_tokens' },
    { wrong: { input_tokens: 1.5 }, path: 'input_tokens' },
    { wrong: { team_id: 'team_01h455vb4pex5vsknk084sn02q' }, path: 'team_id' },
    { wrong: { tags: { env: 1 } }, path: 'tags.env' },
    { wrong: { colour: 'red' }, path: 'colour' },
  ])('is refused by the field that is wrong: $wrong', async ({ wrong, path }) => {
    const { status, error } = await hold(meterr().adminKey, { ...HOLD, ...wrong });
    expect({ status, ...pathsOf(error) }).toEqual({ status: 400, code: 'invalid_request', paths: [path] });
  });

  it('names its own fields in GraphQL', async () => {
    const ask = async (wrong: object) =>
      pathsOf((await meterr().gql(CREATE_HOLD, { input: { ...HOLD_INPUT, ...wrong } })).error).paths;
    expect(await ask({ maxOutputTokens: -1 })).toEqual(['maxOutputTokens']);
    expect(await ask({ expiresIn: 0 })).toEqual(['expiresIn']);
    expect(await ask({ amount: '0' })).toEqual(['amount']);
  });

  it('lives from one second to an hour, as it asks', async () => {
    for (const seconds of [1, 3_600]) {
      const { body } = await hold(meterr().adminKey, { ...HOLD, expires_in: seconds });
      expect(Date.parse(body.expires_at) - Date.parse(DEFAULT_NOW)).toBe(seconds * 1000);
    }
  });

  it('is released once, and stays as it is when it is released again', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    const budget = await make(organization, {});
    const { body } = await hold(key, HOLD);
    const release = () => meterr().rest<HoldAnswer>('DELETE', `/v1/usage/holds/${body.id}`, { key });
    const [first, second] = [await release(), await release()];
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(first.body).toMatchObject({ id: body.id, status: 'released', amount: '0.0075' });
    expect(second.body).toEqual(first.body);
    expect(await meterr().ok('GET', `/v1/budgets/${budget.id}`, { key })).toMatchObject({ held: '0', spent: '0' });
  });

  it('that an event has settled is released no more', async () => {
    const { body } = await hold(meterr().adminKey, HOLD);
    await meterr().ok('POST', '/v1/usage', { body: { ...EVENT, hold_id: body.id } });
    const { status, error } = await meterr().rest('DELETE', `/v1/usage/holds/${body.id}`);
    expect([status, error?.code]).toEqual([409, 'conflict']);
  });

  it('is made once for one Idempotency-Key', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    const { id } = await make(organization, {});
    const ask = () =>
      meterr().rest('POST', '/v1/usage/holds', { key, body: HOLD, headers: { 'Idempotency-Key': 'one-hold' } });
    const [first, second] = [await ask(), await ask()];
    expect(second.body).toEqual(first.body);
    expect(await meterr().ok('GET', `/v1/budgets/${id}`, { key })).toMatchObject({ held: '0.0075' });
  });
});

describe('events', () => {
  it('have the data of the contract, letter by letter', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    const team = await makeTeam(meterr(), organization);
    const usd = await make(organization, { amount: '0.01', thresholds: [100], scope: { team_id: team.id } });
    const tokens = await make(organization, { amount: undefined, tokens: 2_000, per: 'user', thresholds: [] });
    await makeUsage(meterr(), key, Array(2).fill({ team_id: team.id, user_id: 'u-42' }));
    const month = { period_start: '2026-11-01T00:00:00.000Z', period_end: '2026-12-01T00:00:00.000Z' };
    const ofUsd = { team_id: team.id, limit: '0.01', current: '0.015', budget_id: usd.id, unit: 'usd', subject: null };
    const ofTokens = {
      team_id: null,
      limit: 2_000,
      current: 3_000,
      budget_id: tokens.id,
      unit: 'tokens',
      subject: 'u-42',
    };
    const envelope = { id: expect.stringMatching(/^event_[0-7][0-9a-z]{25}$/), created_at: DEFAULT_NOW };
    const told = await readEvents(meterr(), key);
    expect(told).toHaveLength(3);
    expect(told).toEqual(
      expect.arrayContaining([
        { ...envelope, event: 'budget.threshold_reached', data: { ...ofUsd, ...month, threshold: 100 } },
        { ...envelope, event: 'usage.exceeded', data: { ...ofUsd, ...month } },
        { ...envelope, event: 'usage.exceeded', data: { ...ofTokens, ...month } },
      ]),
    );
    const { events } = await meterr().data<{ events: { edges: { node: { data: object } }[] } }>(
      '{ events(types: [USAGE_EXCEEDED]) { edges { node { id event createdAt data } } } }',
      null,
      { key },
    );
    expect(events.edges.map(({ node }) => node.data)).toContainEqual({
      teamId: team.id,
      limit: '0.01',
      current: '0.015',
      budgetId: usd.id,
      unit: 'usd',
      periodStart: month.period_start,
      periodEnd: month.period_end,
      subject: null,
    });
  });

  it('are listed newest first, page by page, and by type', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    await make(organization, { amount: '1', thresholds: [10, 20, 30, 40, 100] });
    for (const cost of ['0.1', '0.1', '0.1', '0.1', '0.6']) await makeUsage(meterr(), key, [{ cost }]);
    const list = (query: string) => meterr().ok<ListAnswer<EventAnswer>>('GET', `/v1/events?${query}`, { key });
    const pages: EventAnswer[][] = [];
    let cursor = '';
    for (let more = true; more; ) {
      const page = await list(`limit=2${cursor}`);
      pages.push(page.data);
      more = page.has_more;
      cursor = `&cursor=${page.next_cursor}`;
    }
    expect(pages.map((page) => page.map(({ data }) => data.threshold))).toEqual([
      [undefined, 100],
      [40, 30],
      [20, 10],
    ]);
    const exceeded = await list('type=usage.exceeded');
    expect(exceeded.data.map(({ event }) => event)).toEqual(['usage.exceeded']);
    expect((await list('type=credits.low')).data).toEqual([]);
    for (const [query, path] of [
      ['type=usage.imagined', 'type'],
      ['limit=0', 'limit'],
      ['cursor=x', 'cursor'],
    ] as const) {
      const { error } = await meterr().rest('GET', `/v1/events?${query}`, { key });
      expect(pathsOf(error)).toEqual({ code: 'invalid_request', paths: [path] });
    }
  });

  it('are those of the own organization only', async () => {
    const [mine, theirs] = [await newOrganization(), await newOrganization()];
    await make(theirs, { amount: '0.001' });
    await makeUsage(meterr(), theirs.key.secret);
    const [one] = await readEvents(meterr(), theirs.key.secret);
    expect(await readEvents(meterr(), mine.key.secret)).toEqual([]);
    const node = (key: string) =>
      meterr().gql<{ node: object | null }>('query ($id: ID!) { node(id: $id) { id } }', { id: one?.id }, { key });
    expect((await node(theirs.key.secret)).data.node).toEqual({ id: one?.id });
    expect((await node(mine.key.secret)).data?.node ?? null).toBeNull();
  });
});
