import { describe, expect, it } from 'vitest';
import type { BatchAnswer, ListAnswer, UsageEventAnswer, UsageSummaryAnswer } from '../../harness/answers.ts';
import { useTestApp } from '../../harness/app.ts';
import { EVENT, EVENT_COST, makeOrganization } from '../../harness/make.ts';

const meterr = useTestApp();

let named = 0;

/** The statuses of two events with one id. */
async function recordTwice(first: object, second: object): Promise<number[]> {
  const id = `twice-${named++}`;
  const statuses: number[] = [];
  for (const body of [first, second]) {
    const { status } = await meterr().rest('POST', '/v1/usage', { body: { ...EVENT, id, ...body } });
    statuses.push(status);
  }
  return statuses;
}

describe('a repeat with the same id', () => {
  it.each<[string, object]>([
    ['service_tier standard', { service_tier: 'standard' }],
    ['service_tier default', { service_tier: 'default' }],
    ['metadata {}', { metadata: {} }],
    ['tags {}', { tags: {} }],
    ['require_credits false', { require_credits: false }],
    ['counts of 0', { cache_read_tokens: 0, reasoning_tokens: 0, web_searches: 0 }],
    ['null', { user_id: null, tags: null, metadata: null, team_id: null, cost: null, hold_id: null, usage: null }],
  ])('is the same whether a default is left out or given: %s (case K1)', async (_, given) => {
    expect(await recordTwice({}, given)).toEqual([201, 200]);
    expect(await recordTwice(given, {})).toEqual([201, 200]);
  });

  it('is the same under each word for the usual tier, and for one that is spelled otherwise (case K3)', async () => {
    expect(await recordTwice({ service_tier: 'default' }, { service_tier: 'standard' })).toEqual([201, 200]);
    expect(await recordTwice({ service_tier: 'Batch' }, { service_tier: 'batch' })).toEqual([201, 200]);
    expect(await recordTwice({ service_tier: 'batch' }, {})).toEqual([201, 409]);
  });

  it('is the same whatever the numbers are written like, and the order of keys', async () => {
    const [first, second] = [
      '"cost": "0.50", "metadata": {"a": 1.0, "b": {"x": 1, "y": 2}}',
      '"metadata": {"b": {"y": 2.0, "x": 1e0}, "a": 1}, "cost": 0.5',
    ].map(
      (rest) => `{"provider": "openai", "model": "m", "input_tokens": 1.0, "output_tokens": 2, "id": "1.0", ${rest}}`,
    );
    const record = (body: string | undefined) => meterr().rest('POST', '/v1/usage', { body });
    expect([(await record(first)).status, (await record(second)).status]).toEqual([201, 200]);
  });

  it('may name the model and the tier that the body of the provider names, but no other', async () => {
    const usage = {
      model: 'gpt-4o',
      service_tier: 'priority',
      usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
    };
    const body = { input_tokens: undefined, output_tokens: undefined, model: undefined, usage };
    expect(await recordTwice(body, { ...body, model: 'GPT-4o', service_tier: 'priority' })).toEqual([201, 200]);
    expect(await recordTwice(body, { ...body, service_tier: 'standard' })).toEqual([201, 409]);
    expect(await recordTwice(body, { ...body, model: 'gpt-4o-mini' })).toEqual([201, 409]);
  });
});

const BATCH = '/v1/usage/batch';

describe.each(['/v1/usage', BATCH])('an Idempotency-Key on a batch at %s', (path) => {
  async function send(body: object | string, key: string, idempotencyKey: string) {
    const headers = {
      'idempotency-key': idempotencyKey,
      ...(typeof body === 'string' ? { 'content-type': 'application/x-ndjson' } : {}),
    };
    return meterr().rest<BatchAnswer>('POST', path, { body, key, headers });
  }

  it.each<[string, (events: object[]) => object | string]>([
    ['JSON', (events) => ({ events })],
    ['NDJSON', (events) => events.map((event) => `${JSON.stringify(event)}\n`).join('\n')],
  ])('gives each event that has no id its own, so that a retry counts once, as %s (case J1)', async (_, form) => {
    const { secret } = (await makeOrganization(meterr())).key;
    const body = form([EVENT, { ...EVENT, id: 'mine' }, { ...EVENT, id: null }, { ...EVENT, input_tokens: -1 }, EVENT]);
    const first = await send(body, secret, 'b1');
    const second = await send(body, secret, 'b1');
    expect(first.body).toMatchObject({ created: 4, invalid: 1 });
    expect(second.body).toMatchObject({ created: 0, duplicates: 4, invalid: 1 });
    expect(second.body.data.map(({ id }) => id)).toEqual(first.body.data.map(({ id }) => id));
    const { data } = await meterr().ok<ListAnswer<UsageEventAnswer>>('GET', '/v1/usage/history', { key: secret });
    expect(data.map(({ event_id }) => event_id).sort()).toEqual(['b1:0', 'b1:2', 'b1:4', 'mine']);
    expect((await send(body, secret, 'b2')).body).toMatchObject({ created: 3, duplicates: 1 });
  });

  it('tells another body under the same key item by item', async () => {
    const { secret } = (await makeOrganization(meterr())).key;
    await send({ events: [EVENT, EVENT] }, secret, 'k');
    const { body } = await send({ events: [EVENT, { ...EVENT, output_tokens: 1 }, EVENT] }, secret, 'k');
    expect(body.data.map(({ status }) => status)).toEqual(['duplicate', 'conflict', 'created']);
  });

  it('that is empty or too long for all ids is refused by its name, and nothing is recorded', async () => {
    const { secret } = (await makeOrganization(meterr())).key;
    for (const key of ['', 'x'.repeat(251)]) {
      const { status, error } = await send({ events: [EVENT] }, secret, key);
      expect([status, error?.details.fields?.[0]?.path]).toEqual([400, 'Idempotency-Key']);
    }
    expect((await send({ events: [EVENT] }, secret, 'x'.repeat(250))).body.created).toBe(1);
    const usage = await meterr().ok<UsageSummaryAnswer>('GET', '/v1/usage', { key: secret });
    expect(usage.totals.requests).toBe(1);
  });
});

it('the index in an id counts over all lines of a large NDJSON body', async () => {
  const { secret } = (await makeOrganization(meterr())).key;
  const body = `${JSON.stringify(EVENT)}\n`.repeat(2_500);
  const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': 'large' };
  const send = () => meterr().ok<BatchAnswer>('POST', BATCH, { key: secret, body, headers });
  expect(await send()).toMatchObject({ created: 2_500, duplicates: 0 });
  expect(await send()).toMatchObject({ created: 0, duplicates: 2_500 });
  const last = await meterr().ok<ListAnswer<UsageEventAnswer>>('GET', '/v1/usage/history?event_id=large:2499', {
    key: secret,
  });
  expect(last.data).toMatchObject([{ event_id: 'large:2499', cost: EVENT_COST }]);
});

it('POST /v1/usage/batch takes batches only, and POST /v1/usage still takes what it took', async () => {
  const refused = await meterr().rest('POST', BATCH, { body: EVENT });
  expect(refused.status).toBe(400);
  expect(refused.error?.details.fields?.map(({ path }) => path)).toContain('events');
  for (const path of ['/v1/usage', BATCH]) {
    expect((await meterr().rest<BatchAnswer>('POST', path, { body: { events: [EVENT] } })).body.created).toBe(1);
    const headers = { 'content-type': 'application/x-ndjson' };
    const lines = await meterr().rest<BatchAnswer>('POST', path, { body: JSON.stringify(EVENT), headers });
    expect(lines.body.created).toBe(1);
  }
});
