import { describe, expect, it } from 'vitest';
import type { ListAnswer } from '../harness/answers.ts';
import { DEFAULT_NOW, useTestApp } from '../harness/app.ts';
import { type MadeOrganization, makeKey, makeOrganization, makeTeam, makeUsage } from '../harness/make.ts';
import {
  BUDGET,
  type BudgetAnswer,
  HOLD,
  type HoldAnswer,
  makeBudget,
  readAll,
  readEvents,
  UNPRICED,
  wordOf,
} from './budget-answers.ts';

const meterr = useTestApp();
const newOrganization = () => makeOrganization(meterr());
const make = (organization: MadeOrganization, body: object) => makeBudget(meterr(), organization, body);
const hold = (key: string, body: object) => meterr().rest<HoldAnswer>('POST', '/v1/usage/holds', { key, body });

const subjectsOf = (id: string, key: string) =>
  readAll<{ subject: string | null }>(meterr(), `/v1/budgets/${id}/subjects`, key);

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
      ended_at: null,
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

  it('that a change leaves as it was keeps its time, and the audit log is not told', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    const raise = { raise_amount: '5', raise_until: '2026-12-01T00:00:00Z' };
    const { id, updated_at } = await make(organization, { amount: '1', thresholds: [10, 20], ...raise });
    meterr().clock.advance(60_000);
    try {
      const same = [
        {},
        { name: 'Production' },
        { amount: '1.00' },
        { thresholds: [20, 10] },
        { action: 'alert' },
        raise,
      ];
      const answers = await Promise.all(
        same.map((body) => meterr().ok<{ updated_at: string }>('PATCH', `/v1/budgets/${id}`, { key, body })),
      );
      expect(answers.map((answer) => answer.updated_at)).toEqual(same.map(() => updated_at));
      const actionsOf = async () =>
        (await meterr().ok<ListAnswer<{ action: string }>>('GET', '/v1/audit-log', { key })).data.map(
          ({ action }) => action,
        );
      expect(await actionsOf()).toEqual(['budget.created']);
      const changed = await meterr().ok<{ updated_at: string }>('PATCH', `/v1/budgets/${id}`, {
        key,
        body: { amount: '1.01' },
      });
      expect(changed.updated_at).not.toBe(updated_at);
      expect(await actionsOf()).toEqual(['budget.updated', 'budget.created']);
    } finally {
      meterr().clock.set(DEFAULT_NOW);
    }
  });

  it('says 100 percent only of what has reached the limit: percents are rounded down', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    const { id } = await make(organization, { amount: '1' });
    await makeUsage(meterr(), key, [{ cost: '0.99996' }]);
    const percentOf = async () => (await meterr().ok<BudgetAnswer>('GET', `/v1/budgets/${id}`, { key })).percent;
    expect(await percentOf()).toBe(99.99);
    expect((await readEvents(meterr(), key)).map(wordOf)).toEqual(['50', '80']);
    await makeUsage(meterr(), key, [{ cost: '0.00004' }]);
    expect(await percentOf()).toBe(100);
    expect((await readEvents(meterr(), key)).map(wordOf)).toEqual(['50', '80', '100', 'exceeded']);
  });

  it('per tag counts "" as a value of its own, and says so in answers, pages and events', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    const { id, subject } = await make(organization, { amount: '0.001', per: 'tag:env', thresholds: [] });
    expect(subject).toBeNull();
    await makeUsage(meterr(), key, [{ tags: { env: '' } }, {}]);
    const counted = { subject: '', spent: '0.0075', matched_events: 1 };
    expect(await meterr().ok('GET', `/v1/budgets/${id}`, { key })).toMatchObject({ ...counted, subjects: [counted] });
    expect((await subjectsOf(id, key)).map((one) => one.subject)).toEqual(['']);
    expect((await readEvents(meterr(), key)).map(({ data }) => data.subject)).toEqual(['']);
  });

  it('pages through all its subjects, each once, in the order of their names, whatever is recorded meanwhile', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    const { id } = await make(organization, { per: 'user' });
    const users = Array.from({ length: 130 }, (_, i) => `u${String(i).padStart(3, '0')}`);
    await makeUsage(
      meterr(),
      key,
      users.map((user_id, i) => ({ user_id, cost: String(i + 1) })),
    );
    await hold(key, { ...HOLD, user_id: 'u007', amount: '2' });
    const page = (query: string) =>
      meterr().ok<ListAnswer<{ subject: string }>>('GET', `/v1/budgets/${id}/subjects?${query}`, { key });
    const first = await page('limit=100');
    expect(first.data[7]).toEqual({
      subject: 'u007',
      spent: '8',
      held: '2',
      remaining: '90',
      percent: 8,
      matched_events: 1,
    });
    // The last of all becomes the one that used most.
    await makeUsage(meterr(), key, [{ user_id: 'u129', cost: '1000' }]);
    const second = await page(`limit=100&cursor=${first.next_cursor}`);
    expect([...first.data, ...second.data].map(({ subject }) => subject)).toEqual(users);
    expect([first.has_more, second.has_more, second.next_cursor]).toEqual([true, false, null]);
    const query = `query ($id: ID!) { budgetSubjects(id: $id, first: 1) {
      edges { node { subject spent } } pageInfo { hasNextPage } } }`;
    expect(await meterr().data(query, { id }, { key })).toEqual({
      budgetSubjects: { edges: [{ node: { subject: 'u000', spent: '1' } }], pageInfo: { hasNextPage: true } },
    });
    const { id: whole } = await make(organization, {});
    expect(await subjectsOf(whole, key)).toEqual([]);
    const bad = await meterr().rest('GET', `/v1/budgets/${id}/subjects?cursor=x`, { key });
    expect([bad.status, bad.error?.code]).toEqual([400, 'invalid_request']);
    const other = await newOrganization();
    expect((await meterr().rest('GET', `/v1/budgets/${id}/subjects`, { key: other.key.secret })).status).toBe(404);
  });
});
