import { isObjectType, isUnionType } from 'graphql';
import { expect, it } from 'vitest';
import { describeEvent } from '../../src/domain/event-log/event.ts';
import { EVENT_TYPES, type EventType } from '../../src/domain/event-log/event-types.ts';
import { schema } from '../../src/graphql/schema.ts';

const row = (type: EventType, data: unknown) => ({
  id: 'i',
  position: 1,
  type,
  team_id: null,
  created_at: new Date(0),
  data,
});
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

it('every type of event tells exactly the fields that its documents name', () => {
  const STORED = {
    ...BUDGET,
    threshold: 80,
    granted: '10.0',
    available: '1.0',
    inviteId: BUDGET.budgetId,
    teamId: BUDGET.budgetId,
    memberId: BUDGET.budgetId,
    email: 'ada@example.com',
    role: 'member',
    webhookId: BUDGET.budgetId,
    url: 'https://example.com/',
    reason: 'failing',
    lastStatusCode: 500,
    provider: 'openai',
    model: 'gpt-9',
    serviceTier: 'standard',
    usageId: BUDGET.budgetId,
    apiKeyId: BUDGET.budgetId,
    interval: 'day',
    start: '2026-11-21T00:00:00.000Z',
    end: '2026-11-22T00:00:00.000Z',
    expected: '10.000000',
    lower: '5.000000',
    upper: '20.000000',
    actual: '30.000000000000000000',
    drivers: [{ dimension: 'api_key', value: BUDGET.budgetId, expected: '10.000000', actual: '30.0' }],
  };
  expect(EVENT_TYPES.size).toBeGreaterThan(6);
  for (const [type, { fields, payload }] of EVENT_TYPES) {
    const { data } = describeEvent(row(type, STORED));
    expect(Object.keys(data)).toEqual(Object.keys(fields));
    const ofSchema = schema.getType(payload);
    expect(isObjectType(ofSchema) && Object.keys(ofSchema.getFields())).toEqual(Object.keys(fields));
  }
  const union = schema.getType('EventPayload');
  expect(isUnionType(union) && union.getTypes().map(({ name }) => name)).toEqual(
    [...EVENT_TYPES.values()].map(({ payload }) => payload),
  );
});
