import { describe, expect, it } from 'vitest';
import type { UsageEventAnswer, UsageSummaryAnswer } from '../../harness/answers.ts';
import { DEFAULT_NOW, useTestApp } from '../../harness/app.ts';
import { EVENT, EVENT_COST, makeKey, makeOrganization, makeTeam } from '../../harness/make.ts';

const meterr = useTestApp();

const record = (body: object | string, headers: Record<string, string> = {}) =>
  meterr().rest<UsageEventAnswer>('POST', '/v1/usage', { body, headers });

async function countEvents(eventId: string): Promise<number> {
  const { rows } = await meterr().sql.query('SELECT count(*) FROM usage_events WHERE event_id = $1', [eventId]);
  return rows[0].count;
}

describe('a first event', () => {
  it('is answered 201 in its normal form, with its exact cost and what that is made of', async () => {
    const { status, body } = await record({ ...EVENT, id: 'first', user_id: 'u-42', tags: { env: 'prod' } });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      ...EVENT,
      event_id: 'first',
      service_tier: 'standard',
      total_tokens: 1500,
      requests: 1,
      timestamp: DEFAULT_NOW,
      recorded_at: DEFAULT_NOW,
      team_id: null,
      user_id: 'u-42',
      api_key_id: meterr().organization.key.id,
      tags: { env: 'prod' },
      cost: EVENT_COST,
      computed_cost: EVENT_COST,
      cost_source: 'catalog',
      unpriced_reason: null,
    });
    expect(body.id).toMatch(/^usage_[0-7][0-9a-z]{25}$/);
    expect(body.price_id).toMatch(/^price_/);
    expect(body.cost_breakdown).toEqual([
      { unit: 'input_tokens', model: null, quantity: 1000, unit_price: '0.0000025', amount: '0.0025' },
      { unit: 'output_tokens', model: null, quantity: 500, unit_price: '0.00001', amount: '0.005' },
    ]);
  });

  it('reads back as it was answered, field by field', async () => {
    const { body } = await record({ ...EVENT, tags: { b: '2', a: '1' }, metadata: { deep: [1, { x: null }] } });
    expect(await meterr().ok('GET', `/v1/usage/${body.id}`)).toEqual(body);
  });

  it('without an id gets one that is never an earlier one', async () => {
    const [a, b] = [await record(EVENT), await record(EVENT)];
    expect([a.status, b.status]).toEqual([201, 201]);
    expect(a.body.event_id).toBe(a.body.id);
    expect(a.body.event_id).not.toBe(b.body.event_id);
  });

  it.each([
    { said: 'price', metadata: { price: 1.5, cost: 2, amount: 3e2, base: 0 } },
    { said: 'other', metadata: { n: 1.5, deep: { list: [0.1, { cost: 7 }] } } },
  ])('keeps metadata as it came, numbers as numbers (keys such as $said)', async ({ metadata }) => {
    const { status, body } = await record({ ...EVENT, metadata });
    expect({ status, metadata: body.metadata }).toEqual({ status: 201, metadata });
  });
});

describe('a repeated id', () => {
  it('is answered 200 with the first record, also when the price, the clock and the default time have moved on', async () => {
    const first = await record({ ...EVENT, id: 'again' });
    meterr().clock.advance(60_000);
    const second = await record({ ...EVENT, id: 'again' });
    meterr().clock.set(DEFAULT_NOW);
    expect(second.status).toBe(200);
    expect(second.body).toEqual(first.body);
  });

  it('is one event under 20 identical requests at once: one 201, nineteen 200, all with the same record', async () => {
    const body = { ...EVENT, id: 'parallel' };
    const answers = await Promise.all(Array.from({ length: 20 }, () => record(body)));
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array(19).fill(200), 201]);
    expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
    expect(await countEvents('parallel')).toBe(1);
  });

  it('is the same event whatever the order of keys, white space, and given nulls and defaults', async () => {
    const first = await record({
      id: 'order',
      ...EVENT,
      tags: { a: '1', b: '2' },
      metadata: { x: 1, y: { p: 1, q: 2 } },
    });
    const same = `{ "tags": {"b": "2", "a": "1"},
      "metadata": {"y": {"q": 2, "p": 1}, "x": 1}, "output_tokens": 500, "model": "gpt-4o", "input_tokens": 1000,
      "provider": "openai", "user_id": null, "cache_read_tokens": 0, "id": "order" }`;
    const second = await record(same);
    expect([first.status, second.status]).toEqual([201, 200]);
    expect(second.body).toEqual(first.body);
  });

  it.each([
    ['output_tokens', { output_tokens: 501 }],
    ['model', { model: 'gpt-4o-mini' }],
    ['provider', { provider: 'azure' }],
    ['cost', { cost: '1' }],
    ['user_id', { user_id: 'u-1' }],
    ['tags', { tags: { env: 'prod' } }],
    ['metadata', { metadata: { a: 1 } }],
    ['timestamp', { timestamp: '2026-11-22T09:00:00Z' }],
    ['service_tier', { service_tier: 'batch' }],
    ['a part of the counts', { cache_read_tokens: 1 }],
  ])(
    'with another body (%s) is 409 idempotency_conflict, names the first record and changes nothing',
    async (name, other) => {
      const id = `conflict ${name}`;
      const first = await record({ ...EVENT, id });
      const { status, error } = await record({ ...EVENT, id, ...other });
      expect(status).toBe(409);
      expect(error).toMatchObject({ code: 'idempotency_conflict', details: { event_id: id, id: first.body.id } });
      expect(await meterr().ok('GET', `/v1/usage/${first.body.id}`)).toEqual(first.body);
      expect(await countEvents(id)).toBe(1);
    },
  );

  it('in another organization is another event', async () => {
    const { rest } = meterr();
    const other = await makeOrganization(meterr());
    await record({ ...EVENT, id: 'shared name' });
    const body = { ...EVENT, id: 'shared name', output_tokens: 1 };
    expect((await rest('POST', '/v1/usage', { body, key: other.key.secret })).status).toBe(201);
  });

  it('by a key of another team is a conflict, never a 200 for what was not recorded', async () => {
    const { rest, organization } = meterr();
    const team = await makeTeam(meterr(), organization);
    const bound = await makeKey(meterr(), organization, { scopes: ['usage:write'], team });
    await record({ ...EVENT, id: 'of no team' });
    const body = { ...EVENT, id: 'of no team' };
    expect((await rest('POST', '/v1/usage', { body, key: bound.secret })).status).toBe(409);
  });

  it('may come as the Idempotency-Key header, which is the same name', async () => {
    const first = await record(EVENT, { 'idempotency-key': 'in the header' });
    const second = await record({ ...EVENT, id: 'in the header' });
    const third = await record({ ...EVENT, id: 'in the header' }, { 'idempotency-key': 'in the header' });
    expect([first.status, second.status, third.status]).toEqual([201, 200, 200]);
    expect(first.body.event_id).toBe('in the header');
    const conflict = await record({ ...EVENT, output_tokens: 1 }, { 'idempotency-key': 'in the header' });
    expect(conflict.error?.code).toBe('idempotency_conflict');
    const differing = await record({ ...EVENT, id: 'b' }, { 'idempotency-key': 'a' });
    expect(differing.error).toMatchObject({ code: 'invalid_request', details: { fields: [{ path: 'id' }] } });
  });
});

describe('a refused event', () => {
  const refusals: [string, object, string][] = [
    ['no provider', { provider: undefined }, 'provider'],
    ['no model', { model: undefined }, 'model'],
    ['an empty model', { model: '' }, 'model'],
    ['no input_tokens', { input_tokens: undefined }, 'input_tokens'],
    ['no output_tokens', { output_tokens: undefined }, 'output_tokens'],
    ['a negative count', { input_tokens: -1 }, 'input_tokens'],
    ['a count with a fraction', { input_tokens: 1.5 }, 'input_tokens'],
    ['a count as text', { input_tokens: '1000' }, 'input_tokens'],
    ['a count above 2^53-1', { input_tokens: 2 ** 53 }, 'input_tokens'],
    ['a count above 10^12', { input_tokens: 10 ** 12 + 1 }, 'input_tokens'],
    ['a part above its total', { cache_read_tokens: 1001 }, 'cache_read_tokens'],
    ['reasoning above the output', { reasoning_tokens: 501 }, 'reasoning_tokens'],
    [
      'an hour cache above the cache writes',
      { cache_write_tokens: 1, cache_write_1h_tokens: 2 },
      'cache_write_1h_tokens',
    ],
    ['a negative cost', { cost: '-1' }, 'cost'],
    ['a cost that is no number', { cost: 'free' }, 'cost'],
    ['a time that is none', { timestamp: 'yesterday' }, 'timestamp'],
    ['a time too far ahead', { timestamp: '2026-11-22T10:05:00.001Z' }, 'timestamp'],
    ['a time before 1970', { timestamp: '1969-12-31T23:59:59Z' }, 'timestamp'],
    ['a team that is none', { team_id: 'team_1' }, 'team_id'],
    ['a team that does not exist', { team_id: 'team_01h455vb4pex5vsknk084sn02q' }, 'team_id'],
    ['a tag that is no text', { tags: { env: 1 } }, 'tags.env'],
    ['a money-like tag that is no text', { tags: { price: 1 } }, 'tags.price'],
    ['metadata that is a list', { metadata: [1] }, 'metadata'],
    ['NUL in a text', { user_id: 'a\0b' }, 'user_id'],
    ['half of a surrogate pair', { user_id: '\ud800' }, 'user_id'],
    ['an id too long', { id: 'x'.repeat(256) }, 'id'],
    ['a reserved id', { id: 'void:usage_01h455vb4pex5vsknk084sn02q' }, 'id'],
    ['an unknown field', { inputTokens: 1 }, 'inputTokens'],
    ['counts beside usage', { usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } }, 'input_tokens'],
  ];

  it.each(refusals)('(%s) is 400 and names the field', async (_, change, path) => {
    const { status, error } = await record({ ...EVENT, ...change });
    expect({ status, code: error?.code }).toEqual({ status: 400, code: 'invalid_request' });
    expect(error?.details.fields?.map((field) => field.path)).toContain(path);
    expect(error?.message).toContain(error?.details.fields?.[0]?.path);
  });

  it('leaves nothing behind, and its id stays free', async () => {
    const { ok, sql } = meterr();
    const tables = ['usage_events', 'usage_quarter_hours', 'usage_days'];
    const count = async () =>
      Promise.all(tables.map(async (table) => (await sql.query(`SELECT count(*) FROM ${table}`)).rows[0].count));
    const before = [await count(), await ok<UsageSummaryAnswer>('GET', '/v1/usage')];
    for (const [, change] of refusals) await record({ id: 'still free', ...EVENT, ...change });
    expect([await count(), await ok<UsageSummaryAnswer>('GET', '/v1/usage')]).toEqual(before);
    expect((await record({ ...EVENT, id: 'still free' })).status).toBe(201);
  });

  it('names every wrong field at once', async () => {
    const { error } = await record({
      provider: '',
      model: 'm',
      input_tokens: 1,
      output_tokens: 1,
      cost: '-1',
      user_id: '',
    });
    expect(error?.details.fields?.map((field) => field.path).sort()).toEqual(['cost', 'provider', 'user_id']);
  });
});

it('takes an event up to five minutes ahead, and any age', async () => {
  expect((await record({ ...EVENT, timestamp: '2026-11-22T10:05:00Z' })).status).toBe(201);
  expect((await record({ ...EVENT, timestamp: '1970-01-01T00:00:00Z' })).status).toBe(201);
});

it('refuses what is older than the organization keeps', async () => {
  const { rest } = meterr();
  const { key } = await makeOrganization(meterr(), { retentionDays: 30 });
  const at = (timestamp: string) =>
    rest('POST', '/v1/usage', { body: { ...EVENT, timestamp }, key: key.secret }).then(({ status }) => status);
  expect(await at('2026-10-23T10:00:00Z')).toBe(201);
  expect(await at('2026-10-23T09:59:59Z')).toBe(400);
});
