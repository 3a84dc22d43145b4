import { expect, it } from 'vitest';
import type { BatchAnswer, UsageEventAnswer, UsageSummaryAnswer } from '../../harness/answers.ts';
import { useTestApp } from '../../harness/app.ts';
import { EVENT, EVENT_COST, makeOrganization } from '../../harness/make.ts';

const meterr = useTestApp();

const send = (events: unknown, key = meterr().adminKey) =>
  meterr().rest<BatchAnswer>('POST', '/v1/usage', { body: { events }, key });

it('answers one item an event, in order, with what became of it', async () => {
  await send([
    { ...EVENT, id: 'known' },
    { ...EVENT, id: 'known differently' },
  ]);
  const { status, body } = await send([
    { ...EVENT, id: 'new' },
    { ...EVENT, id: 'known' },
    { ...EVENT, id: 'known differently', output_tokens: 1 },
    { ...EVENT, input_tokens: -1 },
    'no object',
    { ...EVENT, wrong_name: 1 },
    { ...EVENT, cache_read_tokens: 5000 },
    { ...EVENT, id: 'new too' },
  ]);
  expect(status).toBe(200);
  expect(body.data.map((item) => [item.index, item.status])).toEqual([
    [0, 'created'],
    [1, 'duplicate'],
    [2, 'conflict'],
    [3, 'invalid'],
    [4, 'invalid'],
    [5, 'invalid'],
    [6, 'invalid'],
    [7, 'created'],
  ]);
  expect(body).toMatchObject({ created: 2, duplicates: 1, conflicts: 1, invalid: 4 });
  const [created, duplicate, conflict, negative, , unknown, part] = body.data;
  expect(created).toMatchObject({ cost: EVENT_COST, error: null });
  expect(duplicate).toMatchObject({ cost: EVENT_COST, error: null });
  expect(conflict?.error?.code).toBe('idempotency_conflict');
  expect(negative?.error?.details.fields).toMatchObject([{ path: 'input_tokens' }]);
  expect(unknown?.error?.details.fields).toMatchObject([{ path: 'wrong_name' }]);
  expect(part?.error?.details.fields).toMatchObject([{ path: 'cache_read_tokens' }]);
});

it('recognises duplicates and conflicts within one batch', async () => {
  const { body } = await send([
    { ...EVENT, id: 'twin' },
    { ...EVENT, id: 'twin' },
    { ...EVENT, id: 'twin', output_tokens: 1 },
    { ...EVENT, id: 'twin' },
  ]);
  expect(body.data.map(({ status }) => status)).toEqual(['created', 'duplicate', 'conflict', 'duplicate']);
  const first = body.data[0]?.id;
  expect(body.data.map(({ id }) => id)).toEqual([first, first, first, first]);
});

it('stores the good beside an event that the database itself refuses, which fails alone and is logged', async () => {
  const { sql, logged, rest } = meterr();
  await sql.query(`
    CREATE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN IF NEW.user_id = 'poison' THEN RAISE EXCEPTION 'a secret of the database'; END IF; RETURN NEW; END $$;
    CREATE TRIGGER poison BEFORE INSERT ON usage_events FOR EACH ROW EXECUTE FUNCTION refuse_poison()`);
  const { key } = await makeOrganization(meterr());
  const events = Array.from({ length: 50 }, (_, i) => ({ ...EVENT, user_id: i === 17 ? 'poison' : `u-${i}` }));
  const before = logged.length;
  const { status, body, text } = await send(events, key.secret);
  await sql.query('DROP TRIGGER poison ON usage_events');
  expect({ status, created: body.created, invalid: body.invalid }).toEqual({ status: 200, created: 49, invalid: 1 });
  expect(body.data.filter((item) => item.status !== 'created').map(({ index }) => index)).toEqual([17]);
  expect(body.data[17]?.error?.code).toBe('internal_error');
  expect(text).not.toContain('a secret of the database');
  expect(JSON.stringify(logged.slice(before))).toContain('a secret of the database');
  const { body: usage } = await rest<UsageSummaryAnswer>('GET', '/v1/usage', { key: key.secret });
  expect(usage.totals).toMatchObject({ requests: 49, cost: '0.3675' });
});

it('batches at once of one organization lose and double nothing', async () => {
  const { ok } = meterr();
  const { key } = await makeOrganization(meterr());
  const batch = (from: number) => Array.from({ length: 200 }, (_, i) => ({ ...EVENT, id: `e-${from + i}` }));
  const starts = [0, 100, 200, 300, 0, 100];
  const answers = await Promise.all(starts.map((from) => send(batch(from), key.secret)));
  const created = answers.reduce((sum, { body }) => sum + body.created, 0);
  const duplicates = answers.reduce((sum, { body }) => sum + body.duplicates, 0);
  expect({ created, duplicates }).toEqual({ created: 500, duplicates: 700 });
  const usage = await ok<UsageSummaryAnswer>('GET', '/v1/usage', { key: key.secret });
  expect(usage.totals).toMatchObject({ requests: 500, cost: '3.75' });
});

it('takes 1 to 1,000 events, and nothing of more', async () => {
  const { ok } = meterr();
  const { key } = await makeOrganization(meterr());
  const many = (count: number) => Array.from({ length: count }, () => EVENT);
  for (const events of [[], many(1001), 'none', null, {}]) {
    const { status, error } = await send(events, key.secret);
    expect({ status, code: error?.code }).toEqual({ status: 400, code: 'invalid_request' });
    expect(error?.details.fields?.[0]?.path).toBe('events');
  }
  expect((await send(many(1000), key.secret)).body.created).toBe(1000);
  const usage = await ok<UsageSummaryAnswer>('GET', '/v1/usage', { key: key.secret });
  expect(usage.totals.requests).toBe(1000);
});

it('refuses a field beside `events` by name', async () => {
  const { error } = await meterr().rest('POST', '/v1/usage', { body: { events: [EVENT], dry_run: true } });
  expect(error?.details.fields).toMatchObject([{ path: 'dry_run' }]);
});

it('an item reads back as a single event would', async () => {
  const { ok, rest } = meterr();
  const { body } = await send([{ ...EVENT, id: 'as single' }]);
  const event = await ok<UsageEventAnswer>('GET', `/v1/usage/${body.data[0]?.id}`);
  const repeat = await rest<UsageEventAnswer>('POST', '/v1/usage', { body: { ...EVENT, id: 'as single' } });
  expect(repeat.status).toBe(200);
  expect(repeat.body).toEqual(event);
});
