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
  readEvents,
  UNPRICED,
} from './budget-answers.ts';

const meterr = useTestApp();
const newOrganization = () => makeOrganization(meterr());
const make = (organization: MadeOrganization, body: object) => makeBudget(meterr(), organization, body);
const hold = (key: string, body: object) => meterr().rest<HoldAnswer>('POST', '/v1/usage/holds', { key, body });

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
