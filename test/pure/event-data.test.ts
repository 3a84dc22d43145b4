import { expect, it } from 'vitest';
import { describeEvent, type EventType } from '../../src/domain/event-log/event.ts';

const row = (type: EventType, data: unknown) => ({ id: 'i', position: 1, type, created_at: new Date(0), data });
const BUDGET = {
  budgetId: '01a55b53-79d5-7000-8000-000000000000',
  teamId: null,
  unit: 'usd',
  limit: '10.000000000000000000',
  current: '12.500000000000000000',
  periodStart: '2026-11-01T00:00:00+00:00',
  periodEnd: '2026-12-01T00:00:00+00:00',
  per: 'user',
  subject: 'ada',
  crossing: 1,
};

it('data that is not what the SQL functions write is never told to callers', () => {
  expect(describeEvent(row('usage.exceeded', BUDGET)).data).toMatchObject({ limit: '10', current: '12.5' });
  const { current: _, ...incomplete } = BUDGET;
  for (const wrong of [incomplete, { ...BUDGET, unit: 'eur' }, { ...BUDGET, threshold: '80' }, {}, null]) {
    expect(() => describeEvent(row('budget.threshold_reached', wrong))).toThrow();
  }
  expect(() => describeEvent(row('credits.low', { available: '1' }))).toThrow();
  expect(() => describeEvent(row('credits.low', BUDGET))).toThrow();
});
