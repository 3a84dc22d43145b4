import { beforeAll, describe, expect, it } from 'vitest';
import type { BatchAnswer, UsageEventAnswer, UsageSummaryAnswer } from '../../harness/answers.ts';
import { useTestApp } from '../../harness/app.ts';
import { EVENT, EVENT_COST, EVENT_INPUT, makeOrganization, makeUsage } from '../../harness/make.ts';

const meterr = useTestApp();

/** One model of one provider, each time spelled in another way. */
const SPELLINGS = [
  { provider: 'openai', model: 'gpt-4o' },
  { provider: 'OpenAI', model: 'GPT-4o' },
  { provider: ' openai\t', model: ' gpt-4o' },
  { provider: 'OPEN_AI', model: 'Gpt-4O\u00a0' },
];
const FOLDED = { provider: 'openai', model: 'gpt-4o' };
const SUMMED = { requests: SPELLINGS.length, cost: '0.03' };

describe('a provider and a model that are spelled in several ways', () => {
  let key: string;

  beforeAll(async () => {
    key = (await makeOrganization(meterr(), { plan: 'enterprise' })).key.secret;
    await makeUsage(meterr(), key, SPELLINGS);
  });

  it('are one: in the events, in groups and in totals (case A3)', async () => {
    const usage = await meterr().ok<UsageSummaryAnswer>('GET', '/v1/usage?group_by=provider,model', { key });
    expect(usage.data).toMatchObject([{ group: FOLDED, ...SUMMED }]);
    const history = await meterr().ok<{ data: UsageEventAnswer[] }>('GET', '/v1/usage/history', { key });
    expect(history.data.map(({ provider, model, cost }) => [provider, model, cost])).toEqual(
      SPELLINGS.map(() => ['openai', 'gpt-4o', EVENT_COST]),
    );
  });

  it.each(SPELLINGS)('are one in the filters of both doors: %j', async ({ provider, model }) => {
    const query = new URLSearchParams({ provider, model });
    for (const path of ['/v1/usage', '/v1/costs']) {
      const body = await meterr().ok<Record<string, object>>('GET', `${path}?${query}`, { key });
      expect(body.totals ?? body).toMatchObject(path === '/v1/usage' ? SUMMED : { total: SUMMED.cost });
    }
    const { usage, usageEvents } = await meterr().data<{ usage: object; usageEvents: { edges: object[] } }>(
      `query ($filter: UsageFilter) {
        usage(filter: $filter) { totals { requests cost } } usageEvents(filter: $filter) { edges { node { id } } } }`,
      { filter: { provider, model } },
      { key },
    );
    expect(usage).toEqual({ totals: SUMMED });
    expect(usageEvents.edges).toHaveLength(SPELLINGS.length);
  });

  it.each(SPELLINGS)('are one in estimates and in the list of prices: %j', async ({ provider, model }) => {
    const estimate = await meterr().ok<object>('POST', '/v1/costs/estimate', {
      key,
      body: { ...EVENT, provider, model },
    });
    expect(estimate).toMatchObject({ ...FOLDED, cost: EVENT_COST, cost_source: 'catalog' });
    const prices = await meterr().ok<{ data: object[] }>(
      'GET',
      `/v1/prices?${new URLSearchParams({ provider, model })}`,
    );
    expect(prices.data.length).toBeGreaterThan(0);
    for (const price of prices.data) expect(price).toMatchObject(FOLDED);
  });

  it('are one in a repeat: the same id with another spelling is the first record', async () => {
    const statuses: number[] = [];
    for (const spelling of SPELLINGS) {
      const body = { ...EVENT, ...spelling, id: 'spelled' };
      statuses.push((await meterr().rest('POST', '/v1/usage', { key, body })).status);
    }
    expect(statuses).toEqual([201, 200, 200, 200]);
  });
});

it('a model that only a provider’s body or a span names is folded too', async () => {
  const { key } = await makeOrganization(meterr());
  const usage = { model: ' GPT-4o', usage: { prompt_tokens: 1000, completion_tokens: 500, total_tokens: 1500 } };
  await meterr().ok('POST', '/v1/usage', { key: key.secret, body: { provider: 'OpenAI', usage } });
  const attributes = Object.entries({
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'OpenAI',
    'gen_ai.response.model': 'GPT-4o',
    'gen_ai.request.model': 'gpt-4o ',
  }).map(([name, stringValue]) => ({ key: name, value: { stringValue } }));
  const counts = ['input', 'output'].map((part) => ({
    key: `gen_ai.usage.${part}_tokens`,
    value: { intValue: part === 'input' ? '1000' : '500' },
  }));
  const span = {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    name: 'chat',
    kind: 3,
    startTimeUnixNano: '1795340400000000000',
    endTimeUnixNano: '1795340401000000000',
    attributes: [...attributes, ...counts],
  };
  const body = { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] };
  await meterr().ok('POST', '/v1/traces', { key: key.secret, body });
  const path = '/v1/usage?group_by=provider,model&start=2026-01-01T00:00:00Z&end=2027-01-01T00:00:00Z';
  const { data } = await meterr().ok<UsageSummaryAnswer>('GET', path, { key: key.secret });
  expect(data).toMatchObject([{ group: FOLDED, requests: 2, cost: '0.015' }]);
});

it('a blocking budget cannot be passed by another spelling of its model, nor of the call’s (case A1)', async () => {
  for (const [inBudget, inHold] of [
    ['gpt-4o', 'GPT-4o'],
    [' GPT-4o', 'gpt-4o'],
  ]) {
    const { key } = await makeOrganization(meterr(), { plan: 'enterprise' });
    const budget = { name: 'b', amount: '0.01', period: 'month', action: 'block', scope: { model: inBudget } };
    const made = await meterr().ok<object>('POST', '/v1/budgets', { key: key.secret, body: budget });
    expect(made).toMatchObject({ scope: { model: 'gpt-4o' } });
    const hold = { provider: 'openai', model: inHold, input_tokens: 10, max_output_tokens: 10, amount: '5' };
    const { status, error } = await meterr().rest('POST', '/v1/usage/holds', { key: key.secret, body: hold });
    expect([status, error?.code]).toEqual([402, 'budget_exceeded']);
  }
});

it('a budget of a provider counts each spelling of it', async () => {
  const { key } = await makeOrganization(meterr(), { plan: 'enterprise' });
  const body = { name: 'b', amount: '1', period: 'month', scope: { provider: ' OpenAI ' } };
  const { id } = await meterr().ok<{ id: string }>('POST', '/v1/budgets', { key: key.secret, body });
  await makeUsage(meterr(), key.secret, SPELLINGS);
  expect(await meterr().ok('GET', `/v1/budgets/${id}`, { key: key.secret })).toMatchObject({ spent: SUMMED.cost });
});

it('a name of white space alone is refused by name, in both doors', async () => {
  for (const path of ['provider', 'model'] as const) {
    const rest = await meterr().rest('POST', '/v1/usage', { body: { ...EVENT, [path]: ' \t' } });
    expect(rest.error?.details.fields).toMatchObject([{ path, message: 'must not be empty' }]);
    const { error } = await meterr().gql('mutation ($input: RecordUsageInput!) { recordUsage(input: $input) { id } }', {
      input: { ...EVENT_INPUT, [path]: ' \t' },
    });
    expect(error?.code).toBe('invalid_request');
  }
});

it('"" is not null: an event with an empty user, id, tier or team is refused by name; a tag may be empty', async () => {
  for (const path of ['user_id', 'id', 'service_tier', 'team_id', 'hold_id']) {
    const { status, error } = await meterr().rest('POST', '/v1/usage', { body: { ...EVENT, [path]: '' } });
    expect([path, status, error?.details.fields?.map((field) => field.path)]).toEqual([path, 400, [path]]);
  }
  const { key } = await makeOrganization(meterr());
  const events = [{ tags: { env: '' } }, { tags: { env: '' } }, {}, { tags: { env: 'prod' } }];
  await makeUsage(meterr(), key.secret, events);
  const ask = (query: string) => meterr().ok<UsageSummaryAnswer>('GET', `/v1/usage?${query}`, { key: key.secret });
  const { data } = await ask('group_by=tag:env');
  expect(data.map(({ group, requests }) => [group['tag:env'], requests])).toEqual([
    ['', 2],
    ['prod', 1],
    [null, 1],
  ]);
  expect((await ask('tag[env]=')).totals.requests).toBe(2);
});

it('an item of a batch has the folded form as well', async () => {
  const body = { events: SPELLINGS.map((spelling) => ({ ...EVENT, ...spelling, id: 'one event' })) };
  const { key } = await makeOrganization(meterr());
  const { created, duplicates } = await meterr().ok<BatchAnswer>('POST', '/v1/usage/batch', { key: key.secret, body });
  expect({ created, duplicates }).toEqual({ created: 1, duplicates: 3 });
});

it('a gateway or a library is recorded under its own name, and charged as the provider that the model tells', async () => {
  const { key } = await makeOrganization(meterr());
  const told = [
    { provider: 'Vercel', model: 'openai/gpt-4o' },
    { provider: 'litellm_proxy', model: 'azure/gpt-4o' },
    { provider: 'langchain', model: 'gpt-4o' },
  ];
  for (const names of told) {
    const event = await meterr().ok<UsageEventAnswer>('POST', '/v1/usage', {
      key: key.secret,
      body: { ...EVENT, ...names },
    });
    expect(event).toMatchObject({ provider: names.provider.toLowerCase(), model: names.model, cost: EVENT_COST });
  }
});

it('a name that hides its model is recorded without a cost, with the reason', async () => {
  const model = 'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123def456';
  const { key } = await makeOrganization(meterr());
  const body = { ...EVENT, provider: 'bedrock', model };
  const event = await meterr().ok<UsageEventAnswer>('POST', '/v1/usage', { key: key.secret, body });
  expect(event).toMatchObject({ provider: 'aws', model, cost: null, unpriced_reason: 'unknown_model' });
});
