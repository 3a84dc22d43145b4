import { describe, expect, it } from 'vitest';
import type { UsageEventAnswer } from '../harness/answers.ts';
import { DEFAULT_NOW, useTestApp } from '../harness/app.ts';
import { EVENT, EVENT_COST, EVENT_INPUT, makeOrganization, makeUsage } from '../harness/make.ts';

const meterr = useTestApp();

const record = (body: object) => meterr().ok<UsageEventAnswer>('POST', '/v1/usage', { body });

interface Costs {
  start: string;
  end: string;
  total: string;
  previous: { start: string; end: string; total: string };
  change_percent: number | null;
  unpriced_requests: number;
  data: {
    group: Record<string, string | null>;
    other: boolean;
    cost: string;
    share: number | null;
    requests: number;
  }[];
}

describe('the cost of an event', () => {
  it('given by the caller wins, and our own price is kept beside it', async () => {
    const event = await record({ ...EVENT, cost: '0.5' });
    expect(event).toMatchObject({
      cost: '0.5',
      computed_cost: EVENT_COST,
      cost_source: 'caller',
      unpriced_reason: null,
    });
    expect(event.price_id).toMatch(/^price_/);
  });

  it('of 0 given by the caller is 0, not unknown', async () => {
    expect(await record({ ...EVENT, cost: 0 })).toMatchObject({ cost: '0', cost_source: 'caller' });
  });

  it.each([
    ['an unknown provider', { provider: 'nobody' }, 'unknown_provider'],
    ['an unknown model', { model: 'gpt-99-imaginary' }, 'unknown_model'],
  ])('of %s is null, with the reason, never 0', async (_, change, reason) => {
    const event = await record({ ...EVENT, ...change });
    expect(event).toMatchObject({
      cost: null,
      computed_cost: null,
      cost_source: 'unpriced',
      unpriced_reason: reason,
      price_id: null,
      cost_breakdown: [],
    });
  });

  it('that the caller gives for a model without a price is the cost, and nothing is unpriced', async () => {
    const event = await record({ ...EVENT, model: 'gpt-99-imaginary', cost: '3' });
    expect(event).toMatchObject({ cost: '3', computed_cost: null, cost_source: 'caller', unpriced_reason: null });
  });

  it('is made of parts that add up to it, no token in two of them', async () => {
    const event = await record({
      ...EVENT,
      input_tokens: 10_000,
      cache_read_tokens: 4_000,
      output_tokens: 700,
      reasoning_tokens: 300,
    });
    const atto = (decimal: string) => BigInt(Math.round(Number(decimal) * 1e12));
    expect(event.cost_breakdown.reduce((sum, { amount }) => sum + atto(amount), 0n)).toBe(atto(event.cost ?? ''));
    expect(event.cost_breakdown.reduce((sum, { quantity }) => sum + quantity, 0)).toBe(10_700);
    for (const { quantity, unit_price, amount } of event.cost_breakdown) {
      expect(atto(amount)).toBe(BigInt(quantity) * atto(unit_price));
    }
  });

  it('is of the price in force at the event’s own time', async () => {
    interface Prices {
      data: { id: string; provider: string; model: string; valid_from: string | null; valid_to: string | null }[];
      next_cursor: string | null;
    }
    const { ok } = meterr();
    const dated: Prices['data'] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: Prices = await ok<Prices>('GET', `/v1/prices?limit=100${cursor ? `&cursor=${cursor}` : ''}`);
      dated.push(...page.data.filter(({ valid_from }) => valid_from !== null));
      cursor = page.next_cursor;
    }
    const price = dated.find(({ valid_from }) => valid_from && valid_from > '2020' && valid_from < '2026-11-01');
    expect(price).toBeDefined();
    if (!price?.valid_from) return;
    const start = Date.parse(price.valid_from);
    const at = (timeMs: number) =>
      record({ ...EVENT, provider: price.provider, model: price.model, timestamp: new Date(timeMs).toISOString() });
    const [before, from] = [await at(start - 1), await at(start)];
    expect(from.price_id).not.toBe(before.price_id);
  });
});

describe('an estimate', () => {
  it('answers what recording would, and records nothing, in both doors', async () => {
    const { ok, data, sql } = meterr();
    const count = async () => (await sql.query('SELECT count(*) FROM usage_events')).rows[0].count;
    const before = await count();
    const estimate = await ok<object>('POST', '/v1/costs/estimate', { body: { ...EVENT, id: 'only asking' } });
    const query = `query ($input: RecordUsageInput!) { costEstimate(input: $input) { cost costSource priceId } }`;
    const viaGraphQL = await data(query, { input: { ...EVENT_INPUT, id: 'only asking' } });
    expect(await count()).toBe(before);
    const event = await record({ ...EVENT, id: 'only asking' });
    for (const [name, value] of Object.entries(estimate))
      expect({ [name]: value }).toEqual({ [name]: Object(event)[name] });
    expect(viaGraphQL).toEqual({ costEstimate: { cost: EVENT_COST, costSource: 'CATALOG', priceId: event.price_id } });
  });
});

describe('costs', () => {
  it('are of this period, beside the same elapsed part of the one before', async () => {
    const { ok } = meterr();
    const { key } = await makeOrganization(meterr());
    await makeUsage(meterr(), key.secret, [
      { timestamp: '2026-11-01T00:00:00Z', cost: '6' },
      { timestamp: '2026-11-22T10:00:00Z', cost: '2', provider: 'anthropic' },
      { timestamp: '2026-10-22T09:59:59.999Z', cost: '4' },
      { timestamp: '2026-10-22T10:00:00Z', cost: '1000' },
      { timestamp: '2026-09-30T23:59:59Z', cost: '1000' },
      { provider: 'nobody' },
    ]);
    const costs = await ok<Costs>('GET', '/v1/costs', { key: key.secret });
    expect(costs).toMatchObject({
      start: '2026-11-01T00:00:00.000Z',
      end: '2026-12-01T00:00:00.000Z',
      total: '8',
      previous: { start: '2026-10-01T00:00:00.000Z', end: '2026-10-22T10:00:00.000Z', total: '4' },
      change_percent: 100,
      unpriced_requests: 1,
    });
    expect(costs.data.map(({ group, cost, share }) => [group.provider, cost, share])).toEqual([
      ['openai', '6', 0.75],
      ['anthropic', '2', 0.25],
      ['nobody', '0', 0],
    ]);
  });

  it.each([
    ['day', '2026-11-22T00:00:00.000Z', '2026-11-21T00:00:00.000Z', '2026-11-21T10:00:00.000Z'],
    ['week', '2026-11-16T00:00:00.000Z', '2026-11-09T00:00:00.000Z', '2026-11-15T10:00:00.000Z'],
    ['month', '2026-11-01T00:00:00.000Z', '2026-10-01T00:00:00.000Z', '2026-10-22T10:00:00.000Z'],
    ['quarter', '2026-10-01T00:00:00.000Z', '2026-07-01T00:00:00.000Z', '2026-08-22T10:00:00.000Z'],
    ['year', '2026-01-01T00:00:00.000Z', '2025-01-01T00:00:00.000Z', '2025-11-22T10:00:00.000Z'],
  ])('know the %s', async (period, start, previousStart, previousEnd) => {
    const costs = await meterr().ok<Costs>('GET', `/v1/costs?period=${period}`);
    expect(costs.start).toBe(start);
    expect(costs.previous).toMatchObject({ start: previousStart });
    if (period !== 'quarter') expect(costs.previous.end).toBe(previousEnd);
  });

  it('of a long month’s end compare with the whole of a shorter one before, and no more', async () => {
    const { clock, ok } = meterr();
    clock.set('2026-03-31T12:00:00Z');
    const costs = await ok<Costs>('GET', '/v1/costs');
    clock.set(DEFAULT_NOW);
    expect(costs.previous).toMatchObject({ start: '2026-02-01T00:00:00.000Z', end: '2026-03-01T00:00:00.000Z' });
  });

  it('have no change in percent where nothing was spent before, and no share of nothing', async () => {
    const { key } = await makeOrganization(meterr());
    const costs = await meterr().ok<Costs>('GET', '/v1/costs', { key: key.secret });
    expect(costs).toMatchObject({ total: '0', change_percent: null, data: [] });
  });

  it('are the same in GraphQL', async () => {
    const { ok, data } = meterr();
    const rest = await ok<Costs>('GET', '/v1/costs?period=year&group_by=model,provider&timezone=Asia/Kolkata');
    const query = `{ costs(period: YEAR, timezone: "Asia/Kolkata", groupBy: [{dimension: MODEL}, {dimension: PROVIDER}]) {
      start end total changePercent unpricedRequests previous { start end total }
      data { group { key value } cost share requests } } }`;
    const { costs } = await data<{ costs: Omit<Costs, 'data'> & { data: { cost: string }[] } }>(query);
    const { start, end, total, previous } = rest;
    expect(costs).toMatchObject({ start, end, total, previous, unpricedRequests: rest.unpriced_requests });
    expect(costs.data.map(({ cost }) => cost)).toEqual(rest.data.map(({ cost }) => cost));
  });
});

describe('prices', () => {
  interface Price {
    id: string;
    provider: string;
    model: string;
  }

  it('are paged without gap or repeat, in order, the same in both doors', async () => {
    const { ok, data } = meterr();
    const seen: Price[] = [];
    let cursor: string | null = null;
    do {
      const query: string = `/v1/prices?limit=97${cursor ? `&cursor=${cursor}` : ''}`;
      const page = await ok<{ data: Price[]; next_cursor: string | null }>('GET', query);
      seen.push(...page.data);
      cursor = page.next_cursor;
    } while (cursor);
    expect(seen.length).toBeGreaterThan(500);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
    const ids: string[] = [];
    for (let after: string | null = null; ; ) {
      const query = `query ($after: String) { prices(first: 100, after: $after) {
        edges { node { id } } pageInfo { hasNextPage endCursor } } }`;
      interface Answer {
        prices: { edges: { node: { id: string } }[]; pageInfo: { hasNextPage: boolean; endCursor: string } };
      }
      const { prices }: Answer = await data<Answer>(query, { after });
      ids.push(...prices.edges.map(({ node }) => node.id));
      if (!prices.pageInfo.hasNextPage) break;
      after = prices.pageInfo.endCursor;
    }
    expect(ids).toEqual(seen.map(({ id }) => id));
  });

  it('are filtered by provider, model and time', async () => {
    const { ok } = meterr();
    const query = '/v1/prices?provider=openai&model=gpt-4o&at=2026-11-22T10:00:00Z';
    const { data } = await ok<{ data: (Price & { units: object[] })[] }>('GET', query);
    expect(data.length).toBeGreaterThan(0);
    for (const price of data) expect(price).toMatchObject({ provider: 'openai', model: 'gpt-4o' });
    expect(JSON.stringify(data)).toContain('"unit":"input_tokens","price":"2.5","per":1000000');
  });
});
