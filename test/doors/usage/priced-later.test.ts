import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyBudgets } from '../../../src/domain/budgets/verify-budgets.ts';
import { verifyCredits } from '../../../src/domain/credits/verify-credits.ts';
import { foldUsage } from '../../../src/domain/usage/upkeep/fold-usage.ts';
import { verifyUsage } from '../../../src/domain/usage/upkeep/verify-usage.ts';
import type { BatchAnswer, ListAnswer, UsageEventAnswer, UsageSummaryAnswer } from '../../harness/answers.ts';
import { DEFAULT_NOW, NEVER_MS, useTestApp } from '../../harness/app.ts';
import { LATER_PRICES } from '../../harness/ledger.ts';
import { makeOrganization, makeTeam, makeUsage } from '../../harness/make.ts';
import { type LaterPricer, openLaterPricer } from '../../harness/price-later.ts';
import { type BudgetAnswer, readEvents, wordOf } from '../budget-answers.ts';

const meterr = useTestApp({ env: { METERR_PRICE_UNPRICED_LATER: 'false' }, catalogLookMs: NEVER_MS });
let pricer: LaterPricer;

beforeAll(() => {
  pricer = openLaterPricer(meterr().connectionString, Date.parse(DEFAULT_NOW));
});

afterAll(() => pricer.close());

const UNHEARD_OF = { provider: LATER_PRICES['unheard-of']?.provider, model: 'unheard-of' };
/** 1,000 tokens of input and 500 of output, by `LATER_PRICES`. */
const COST = '0.0105';
const UTC_DAY = '2026-11-20';

async function verifyAll() {
  const { database } = pricer.resources;
  return [...(await verifyUsage(database)), ...(await verifyBudgets(database)), ...(await verifyCredits(database))];
}

describe('an event whose price becomes known after it was recorded', () => {
  let key: string;
  let id: string;
  let others: string[];
  let team: { id: string };
  let budget: BudgetAnswer;
  const event = () => ({
    ...UNHEARD_OF,
    id: 'early',
    input_tokens: 1000,
    output_tokens: 500,
    timestamp: `${UTC_DAY}T10:00:00Z`,
    team_id: team.id,
    user_id: 'ann',
    tags: { env: 'prod' },
  });
  const get = <T>(path: string, headers: Record<string, string> = {}) => meterr().ok<T>('GET', path, { key, headers });
  const getBudget = () => get<BudgetAnswer>(`/v1/budgets/${budget.id}`);

  beforeAll(async () => {
    const organization = await makeOrganization(meterr());
    key = organization.key.secret;
    team = await makeTeam(meterr(), organization);
    const rule = { name: 'Watched', period: 'month', amount: '0.0125', thresholds: [80, 100] };
    budget = await meterr().ok('POST', '/v1/budgets', { key, body: { ...rule, scope: { user_id: 'ann' } } });
    [id = ''] = await makeUsage(meterr(), key, [event()]);
    others = await makeUsage(meterr(), key, [
      { ...event(), id: 'given', cost: '0.002' },
      { ...event(), id: 'void', user_id: 'bob' },
    ]);
    await meterr().ok('POST', `/v1/usage/${others[1]}/void`, { key, body: { reason: 'a test' } });
    await foldUsage(pricer.resources.database);
  });

  it('has no cost before, and says so in sums and budgets', async () => {
    expect(await get(`/v1/usage/${id}`)).toMatchObject({ cost: null, original_cost: null, adjustments: [] });
    expect((await get<UsageSummaryAnswer>('/v1/usage')).totals).toMatchObject({ cost: '0.002', unpriced_requests: 1 });
    expect(await getBudget()).toMatchObject({ spent: '0.002', matched_events: 2 });
    expect(await verifyAll()).toEqual([]);
  });

  it('is priced once: neither what has a cost nor what was voided is', async () => {
    await pricer.makeKnown();
    expect(await pricer.price()).toBe(1);
    expect(await pricer.price()).toBe(0);
    expect(await verifyAll()).toEqual([]);
    await foldUsage(pricer.resources.database);
    expect(await verifyAll()).toEqual([]);
  });

  it('shows what it costs now, what that is made of, and that it was not known before', async () => {
    const first = await get<UsageEventAnswer>(`/v1/usage/${id}`);
    expect(first).toMatchObject({
      cost: COST,
      original_cost: null,
      computed_cost: COST,
      cost_source: 'catalog',
      unpriced_reason: null,
      requests: 1,
      input_tokens: 1000,
    });
    expect(first.adjustments).toEqual([
      { at: DEFAULT_NOW, price_id: first.price_id, cost_before: null, cost_after: COST, reason: 'priced_later' },
    ]);
    expect(first.cost_breakdown.map(({ unit, amount }) => [unit, amount])).toEqual([
      ['input_tokens', '0.003'],
      ['output_tokens', '0.0075'],
    ]);
    expect(await get(`/v1/usage/${others[0]}`)).toMatchObject({
      cost: '0.002',
      original_cost: '0.002',
      adjustments: [],
    });
    const { usageEvent, node } = await meterr().data<Record<'usageEvent' | 'node', object>>(
      `query ($id: ID!) {
         usageEvent(id: $id) { cost originalCost adjustments { costAfter reason } }
         node(id: $id) { ... on UsageEvent { cost originalCost adjustments { costAfter reason } } } }`,
      { id },
      { key },
    );
    expect(usageEvent).toEqual({
      cost: COST,
      originalCost: null,
      adjustments: [{ costAfter: COST, reason: 'PRICED_LATER' }],
    });
    expect(node).toEqual(usageEvent);
  });

  it('is one event in history, in its pages and in both exports, with the cost that it has now', async () => {
    const query = `/v1/usage/history?user_id=ann&tag.env=prod&team_id=${team.id}&model=unheard-of`;
    const { data, has_more } = await get<ListAnswer<UsageEventAnswer>>(query);
    expect(data.map((one) => [one.event_id, one.cost]).sort()).toEqual([
      ['early', COST],
      ['given', '0.002'],
    ]);
    expect(has_more).toBe(false);
    const byPages: UsageEventAnswer[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: ListAnswer<UsageEventAnswer> = await get(`/v1/usage/history?limit=1${cursor && `&cursor=${cursor}`}`);
      expect(page.data).toHaveLength(1);
      byPages.push(...page.data);
      cursor = page.next_cursor;
    }
    expect(byPages.map(({ event_id }) => event_id).toSorted()).toEqual(
      ['early', 'given', 'void', byPages.find(({ voids }) => voids !== null)?.event_id].toSorted(),
    );
    const lines = await meterr().rest('GET', '/v1/usage/history', { key, headers: { accept: 'application/x-ndjson' } });
    expect(
      lines.text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(byPages);
    const csv = await meterr().rest('GET', '/v1/usage/history', { key, headers: { accept: 'text/csv' } });
    const [head = '', ...rows] = csv.text.trim().split('\r\n');
    expect(head.split(',')).toEqual(expect.arrayContaining(['cost', 'original_cost', 'adjustments']));
    expect(rows).toHaveLength(byPages.length);
    expect(rows.find((row) => row.includes('early'))).toContain(COST);
  });

  it('is nowhere under the id of what changed it', async () => {
    const { rows } = await meterr().sql.query<{ event_id: string; id: string }>(
      "SELECT event_id, id FROM usage_events WHERE event_id LIKE 'adjust:%'",
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]?.event_id).toBe(`adjust:${id}:1`);
    expect(await get(`/v1/usage/history?event_id=${rows[0]?.event_id}`)).toMatchObject({ data: [] });
    const refused = await meterr().rest('POST', '/v1/usage', { key, body: { ...event(), id: rows[0]?.event_id } });
    expect(refused.error).toMatchObject({ code: 'invalid_request', details: { fields: [{ path: 'id' }] } });
  });

  it('counts in every sum: by day, user, tag, team, model, and in part of a day', async () => {
    const range = `start=${UTC_DAY}T00:00:00Z&end=2026-11-21T00:00:00Z`;
    const sums = { requests: 2, input_tokens: 2000, cost: '0.0125', unpriced_requests: 0 };
    for (const group of ['user', 'tag:env', 'team', 'model', 'user,tag:env,team']) {
      const { data } = await get<UsageSummaryAnswer>(`/v1/usage?${range}&group_by=${group}&interval=day&user_id=ann`);
      expect(data).toEqual([expect.objectContaining(sums)]);
    }
    const part = `start=${UTC_DAY}T09:59:59.999Z&end=${UTC_DAY}T10:00:00.001Z`;
    expect((await get<UsageSummaryAnswer>(`/v1/usage?${part}`)).totals).toMatchObject(sums);
    expect(await get('/v1/costs?period=month')).toMatchObject({ total: '0.0125', unpriced_requests: 0 });
  });

  it('counts in a budget as the event that it was, which the threshold it crosses is raised for once', async () => {
    expect(await getBudget()).toMatchObject({ spent: '0.0125', matched_events: 2 });
    const told = (await readEvents(meterr(), key)).filter(({ event }) => event !== 'usage.unpriced');
    const words = told.map(wordOf);
    expect(words.toSorted()).toEqual(['100', '80', 'exceeded']);
  });

  it('is answered to repeats as it stands, alone and in a batch', async () => {
    expect(await meterr().rest('POST', '/v1/usage', { key, body: event() })).toMatchObject({
      status: 200,
      body: { id, cost: COST, original_cost: null, adjustments: [{ cost_after: COST }] },
    });
    const body = { events: [event(), event()] };
    const { data } = await meterr().ok<BatchAnswer>('POST', '/v1/usage/batch', { key, body });
    expect(data.map(({ status, cost }) => [status, cost])).toEqual([
      ['duplicate', COST],
      ['duplicate', COST],
    ]);
  });

  it('is taken back with its cost: all sums, the budget too, come to what the others are', async () => {
    const reverse = await meterr().ok<UsageEventAnswer>('POST', `/v1/usage/${id}/void`, { key, body: { reason: 'x' } });
    expect(reverse).toMatchObject({ cost: `-${COST}`, computed_cost: `-${COST}`, unpriced_reason: null });
    expect(await get(`/v1/usage/${id}`)).toMatchObject({ cost: COST, voided_by: reverse.id, adjustments: [{}] });
    expect((await get<UsageSummaryAnswer>('/v1/usage')).totals).toMatchObject({
      requests: 1,
      cost: '0.002',
      unpriced_requests: 0,
    });
    expect(await getBudget()).toMatchObject({ spent: '0.002', matched_events: 1 });
    expect(await pricer.price()).toBe(0);
    expect(await verifyAll()).toEqual([]);
  });
});
