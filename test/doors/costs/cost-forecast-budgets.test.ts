import { describe, expect, it } from 'vitest';
import { useTestApp } from '../../harness/app.ts';
import type { MadeOrganization } from '../../harness/make.ts';
import { makeBudget as make } from '../budget-answers.ts';
import { askForecast, daily, makeForecastable } from './forecast-answers.ts';

const meterr = useTestApp();
const forecast = (organization: MadeOrganization, query?: string) => askForecast(meterr(), organization, query);
const withUsage = (events: readonly object[]) => makeForecastable(meterr(), events);
const makeBudget = async (organization: MadeOrganization, body: object) =>
  (await make(meterr(), organization, body)).id;

describe('budgets in a forecast', () => {
  it('say what will be spent, how probably the limit is reached, and when', async () => {
    const organization = await withUsage([
      ...daily(60, (i) => 10 + (i % 2)),
      { timestamp: '2026-11-22T09:00:00Z', cost: '1' },
    ]);
    const [near, far, over] = [
      await makeBudget(organization, { name: 'near', amount: '260' }),
      await makeBudget(organization, { name: 'far', amount: '500' }),
      await makeBudget(organization, { name: 'over', amount: '200' }),
    ];
    const { budgets } = await forecast(organization);
    expect(budgets.map(({ id }) => id)).toEqual([over, near, far]);
    const [first, second, third] = budgets;
    expect(first).toMatchObject({ limit: '200', probability_exceeded: 1, runs_out_on: '2026-11-22' });
    expect(second).toMatchObject({ limit: '260', runs_out_on: '2026-11-25' });
    expect(second?.probability_exceeded).toBeGreaterThan(0.9);
    expect(third).toMatchObject({ limit: '500', runs_out_on: null });
    expect(third?.probability_exceeded).toBeLessThan(0.1);
    expect(Math.abs(Number(third?.expected_at_end) - 315)).toBeLessThan(10);
  });

  it('have periods and zones of their own; one without a period ends with the forecast', async () => {
    const organization = await withUsage(daily(60, () => 10));
    await makeBudget(organization, { name: 'day', amount: '20', period: 'day' });
    await makeBudget(organization, { name: 'week', amount: '500', period: 'week' });
    await makeBudget(organization, { name: 'year', amount: '9000', period: 'year' });
    await makeBudget(organization, { name: 'total', amount: '90000', period: 'total' });
    await makeBudget(organization, { name: 'east', amount: '7000', timezone: 'Pacific/Kiritimati' });
    const { budgets } = await forecast(organization, '?horizon_days=3');
    const ends = new Map(budgets.map(({ limit, expected_at_end }) => [limit, expected_at_end]));
    // 22 November 2026 is a Sunday; in Kiritimati it is Monday already, so 22 days of the month are over.
    expect(Object.fromEntries(ends)).toEqual({ 20: '10', 500: '70', 7000: '300', 9000: '1000', 90000: '630' });
  });

  it('are those whose scope names what the filter names, and never of tokens', async () => {
    const organization = await withUsage(daily(20, () => 1, { tags: { env: 'prod' } }));
    const all = await makeBudget(organization, {});
    const provider = await makeBudget(organization, { scope: { provider: 'openai', tags: { env: 'prod' } } });
    await makeBudget(organization, { amount: null, tokens: 1_000_000 });
    const ids = async (query: string) => (await forecast(organization, query)).budgets.map(({ id }) => id).sort();
    expect(await ids('')).toEqual([all, provider].sort());
    expect(await ids('?provider=OPENAI')).toEqual([provider]);
    expect(await ids('?provider=openai&tag[env]=prod')).toEqual([provider]);
    expect(await ids('?provider=openai&tag[env]=dev')).toEqual([]);
    expect(await ids('?service_tier=standard')).toEqual([]);
  });

  it('that count each value on its own are forecast for the one that used most', async () => {
    const organization = await withUsage([
      ...daily(30, () => 1, { user_id: 'small' }),
      ...daily(30, () => 5, { user_id: 'large' }),
    ]);
    await makeBudget(organization, { per: 'user', amount: '130' });
    await makeBudget(organization, { per: 'tag:env', amount: '130' });
    const { budgets } = await forecast(organization);
    expect(budgets).toMatchObject([
      { expected_at_end: '150', runs_out_on: '2026-11-26', probability_exceeded: 1 },
      { expected_at_end: null, runs_out_on: null, probability_exceeded: null },
    ]);
  });

  it('are at most 20', async () => {
    const organization = await withUsage(daily(20, () => 1));
    for (let i = 0; i < 21; i++) await makeBudget(organization, { name: `${i}`, amount: `${100 + i}` });
    const { budgets } = await forecast(organization);
    expect(budgets.map(({ limit }) => limit)).toEqual(Array.from({ length: 20 }, (_, i) => `${100 + i}`));
  });
});
