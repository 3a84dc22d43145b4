import { describe, expect, it } from 'vitest';
import { verifyUsage } from '../../../src/domain/usage/upkeep/verify-usage.ts';
import { formatId, parseId } from '../../../src/platform/ids.ts';
import { openDatabase } from '../../../src/platform/postgres/database.ts';
import type { BatchAnswer, UsageEventAnswer, UsageSummaryAnswer } from '../../harness/answers.ts';
import { useTestApp } from '../../harness/app.ts';
import { EVENT, EVENT_COST, type MadeOrganization, makeKey, makeOrganization, makeTeam } from '../../harness/make.ts';

const meterr = useTestApp();

interface Sent {
  id?: string;
  response_id?: string;
  input_tokens?: number;
  hold_id?: string | undefined;
  team_id?: string;
  cost?: string;
}

const toInput = (body: object) =>
  Object.fromEntries(
    Object.entries(body).map(([name, value]) => [name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase()), value]),
  );

/** What a door answers to one event: the words of a batch. */
interface Told {
  status: string;
  id: string | null;
  cost: string | null;
}

type Send = (key: string, body: Sent) => Promise<Told>;

const statusOf = (status: number) => ({ 200: 'duplicate', 201: 'created', 409: 'conflict' })[status] ?? String(status);
const readItem = ({ data }: BatchAnswer): Told => {
  const { status, id, cost } = data[0] as Told;
  return { status: status.toLowerCase(), id, cost };
};

const DOORS: Record<string, Send> = {
  async single(key, body) {
    const answer = await meterr().rest<UsageEventAnswer>('POST', '/v1/usage', { key, body: { ...EVENT, ...body } });
    const id = answer.error ? (answer.error.details.id as string) : answer.body.id;
    return { status: statusOf(answer.status), id, cost: answer.body.cost ?? null };
  },
  async batch(key, body) {
    return readItem(await meterr().ok('POST', '/v1/usage/batch', { key, body: { events: [{ ...EVENT, ...body }] } }));
  },
  async ndjson(key, body) {
    const headers = { 'content-type': 'application/x-ndjson' };
    return readItem(
      await meterr().ok('POST', '/v1/usage/batch', { key, headers, body: JSON.stringify({ ...EVENT, ...body }) }),
    );
  },
  async graphql(key, body) {
    const query = 'mutation ($input: RecordUsageInput!) { recordUsage(input: $input) { id cost duplicate } }';
    const { error, data } = await meterr().gql<{ recordUsage: { id: string; cost: string; duplicate: boolean } }>(
      query,
      { input: toInput({ ...EVENT, ...body }) },
      { key },
    );
    if (error) return { status: statusOf(409), id: error.details.id as string, cost: null };
    const { id, cost, duplicate } = data.recordUsage;
    return { status: duplicate ? 'duplicate' : 'created', id, cost };
  },
  async 'graphql batch'(key, body) {
    const query = `mutation ($input: RecordUsageBatchInput!) {
      recordUsageBatch(input: $input) { data { status id cost } } }`;
    const input = { events: [toInput({ ...EVENT, ...body })] };
    return readItem(
      (await meterr().data<{ recordUsageBatch: BatchAnswer }>(query, { input }, { key })).recordUsageBatch,
    );
  },
};
const DOOR_NAMES = Object.keys(DOORS);
const doorOf = (name: string) => DOORS[name] as Send;
const { single } = DOORS as { single: Send };

/** An organization of its own. */
async function makeWriter(options: Parameters<typeof makeOrganization>[1] = {}) {
  const organization = await makeOrganization(meterr(), options);
  return { organization, key: organization.key.secret };
}

async function totalsOf(key: string): Promise<UsageSummaryAnswer['totals']> {
  return (await meterr().ok<UsageSummaryAnswer>('GET', '/v1/usage', { key })).totals;
}

async function expectExact(): Promise<void> {
  const { connectionString } = meterr();
  const database = openDatabase({ connectionString, connections: 1, onError: () => {} });
  expect(await verifyUsage(database).finally(() => database.close())).toEqual([]);
}

describe('one response id is one event', () => {
  it.each(DOOR_NAMES)('whatever a later one says, and whichever door it comes by: first by %s', async (firstDoor) => {
    const { key } = await makeWriter();
    const first = await doorOf(firstDoor)(key, { id: 'first', response_id: 'chatcmpl-Ax1' });
    expect(first).toMatchObject({ status: 'created', cost: EVENT_COST });
    const duplicate = { ...first, status: 'duplicate' };
    for (const name of DOOR_NAMES) {
      const send = doorOf(name);
      // The same once more; another body and another id; no id; another body under the first id.
      expect(await send(key, { id: 'first', response_id: 'chatcmpl-Ax1' })).toEqual(duplicate);
      expect(await send(key, { id: `other ${name}`, response_id: 'chatcmpl-Ax1', input_tokens: 7 })).toEqual(duplicate);
      expect(await send(key, { response_id: 'chatcmpl-Ax1', cost: '123' })).toEqual(duplicate);
      expect(await send(key, { id: 'first', response_id: 'chatcmpl-Ax1', input_tokens: 8 })).toEqual(duplicate);
      // The ids of duplicates stayed free.
      expect(await send(key, { id: `other ${name}` })).toMatchObject({ status: 'created' });
    }
    expect(await totalsOf(key)).toMatchObject({ requests: 1 + DOOR_NAMES.length });
    await expectExact();
  });

  it('and the answer to a later one is the first record, field by field', async () => {
    const { key } = await makeWriter();
    const options = { key, body: { ...EVENT, id: 'a', response_id: 'msg_1', tags: { env: 'prod' } } };
    const first = await meterr().rest<UsageEventAnswer>('POST', '/v1/usage', options);
    const again = await meterr().rest('POST', '/v1/usage', {
      key,
      body: { ...EVENT, model: 'gpt-4o-mini', response_id: 'msg_1' },
    });
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(first.body).toMatchObject({ response_id: 'msg_1', event_id: 'a' });
    expect(again.body).toEqual(first.body);
  });

  it('in its own organization only', async () => {
    const [one, other] = [await makeWriter(), await makeWriter()];
    for (const { key } of [one, other]) {
      expect(await single(key, { response_id: 'gen-1' })).toMatchObject({ status: 'created' });
    }
  });

  it('letter by letter: another spelling is another answer', async () => {
    const { key } = await makeWriter();
    for (const id of ['resp_a', 'resp_A', 'resp_a ', 'resp_ä', 'resp_a\u0308']) {
      expect(await single(key, { response_id: id })).toMatchObject({ status: 'created' });
    }
  });

  it('though prepaid credits pay for it: they pay once', async () => {
    const { key } = await makeWriter({ credits: 'prepaid' });
    await meterr().ok('POST', '/v1/credits/grants', { key, body: { amount: '1' } });
    for (const name of DOOR_NAMES) await doorOf(name)(key, { response_id: 'req_1' });
    expect(await meterr().ok('GET', '/v1/credits', { key })).toMatchObject({ used: EVENT_COST });
  });
});

describe('an id that a response body names', () => {
  const bodyOf = (id: string) => ({
    provider: 'openai',
    model: 'gpt-4o',
    usage: { id, object: 'chat.completion', model: 'gpt-4o', usage: { prompt_tokens: 1_000, completion_tokens: 500 } },
  });
  const send = (key: string, body: object) => meterr().rest<UsageEventAnswer>('POST', '/v1/usage', { key, body });

  it('is the same as the field, in either order, alone and in a batch', async () => {
    const { key } = await makeWriter();
    const first = await send(key, bodyOf('chatcmpl-Bq1'));
    expect([first.status, Object(first.body).response_id]).toEqual([201, 'chatcmpl-Bq1']);
    expect(await single(key, { response_id: 'chatcmpl-Bq1' })).toMatchObject({
      status: 'duplicate',
      id: first.body.id,
    });
    const second = await single(key, { id: 'second', response_id: 'chatcmpl-Bq2' });
    const events = [bodyOf('chatcmpl-Bq3'), bodyOf('chatcmpl-Bq2'), bodyOf('chatcmpl-Bq1'), bodyOf('chatcmpl-Bq3')];
    const { data } = await meterr().ok<BatchAnswer>('POST', '/v1/usage/batch', { key, body: { events } });
    expect(data.map(({ status }) => status)).toEqual(['created', 'duplicate', 'duplicate', 'duplicate']);
    expect(data.map(({ id }) => id).slice(1)).toEqual([second.id, first.body.id, data[0]?.id]);
    await expectExact();
  });

  it('of digits only is no provider’s, unless it is given as the field', async () => {
    const { key } = await makeWriter();
    const [one, other] = [await send(key, bodyOf('chatcmpl-271')), await send(key, bodyOf('chatcmpl-271'))];
    expect([one.status, other.status]).toEqual([201, 201]);
    const given = await single(key, { response_id: 'chatcmpl-271' });
    expect(given.status).toBe('created');
    expect(await single(key, { response_id: 'chatcmpl-271' })).toEqual({ ...given, status: 'duplicate' });
  });
});

describe.each(DOOR_NAMES)('precedence by %s', (name) => {
  const send = doorOf(name);

  it('a known event id with another body and a new response id is a conflict, and the response id stays free', async () => {
    const { key } = await makeWriter();
    const first = await send(key, { id: 'a' });
    expect(await send(key, { id: 'a', response_id: 'r-1' })).toMatchObject({ status: 'conflict', id: first.id });
    expect(await send(key, { id: 'a', response_id: 'r-1', input_tokens: 1 })).toMatchObject({ status: 'conflict' });
    expect(await send(key, { id: 'b', response_id: 'r-1' })).toMatchObject({ status: 'created' });
  });

  it('a known response id wins over a known event id of another event', async () => {
    const { key } = await makeWriter();
    const a = await send(key, { id: 'a', response_id: 'r-a' });
    const b = await send(key, { id: 'b', response_id: 'r-b' });
    expect(await send(key, { id: 'a', response_id: 'r-b' })).toMatchObject({ status: 'duplicate', id: b.id });
    expect(await send(key, { id: 'b', response_id: 'r-a' })).toMatchObject({ status: 'duplicate', id: a.id });
  });

  it('the same event id and body without a response id is a duplicate as ever, with another body a conflict', async () => {
    const { key } = await makeWriter();
    const a = await send(key, { id: 'a', response_id: 'r-a' });
    const b = await send(key, { id: 'b' });
    expect(await send(key, { id: 'b' })).toEqual({ ...b, status: 'duplicate' });
    expect(await send(key, { id: 'a' })).toMatchObject({ status: 'conflict', id: a.id });
  });
});

describe('within one batch', () => {
  async function sendAll(key: string, events: Sent[]): Promise<Told[]> {
    const body = { events: events.map((event) => ({ ...EVENT, ...event })) };
    return (await meterr().ok<BatchAnswer>('POST', '/v1/usage/batch', { key, body })).data as Told[];
  }

  it('the first of a response id is recorded, and what later ones repeat follows from those before', async () => {
    const { key } = await makeWriter();
    await sendAll(key, [{ id: 'known' }, { id: 'known too', response_id: 'r-known' }]);
    const items = await sendAll(key, [
      { id: 'a', response_id: 'r-1' },
      { id: 'b', response_id: 'r-1', input_tokens: 1 },
      // Free, since the one before was a duplicate by its response id.
      { id: 'b', input_tokens: 2 },
      // Not recorded, since its event id is known: the response id is free for the next.
      { id: 'known', response_id: 'r-2' },
      { id: 'c', response_id: 'r-2' },
      { id: 'd', response_id: 'r-2' },
      { id: 'a', response_id: 'r-2' },
      { id: 'a', response_id: 'r-3' },
      { id: 'e', response_id: 'r-3' },
      { id: 'e', response_id: 'r-known' },
    ]);
    const [c, d, cf] = ['created', 'duplicate', 'conflict'];
    expect(items.map(({ status }) => status)).toEqual([c, d, c, cf, c, d, d, cf, c, d]);
    const ids = items.map(({ id }) => id);
    expect([ids[1], ids[5], ids[6], ids[7]]).toEqual([ids[0], ids[4], ids[4], ids[0]]);
    expect(items[1]?.cost).toBe(EVENT_COST);
    expect(await totalsOf(key)).toMatchObject({ requests: 6 });
    await expectExact();
  });

  it('a thousand that all share one id are one transaction and one event', async () => {
    const { key } = await makeWriter();
    const items = await sendAll(
      key,
      Array.from({ length: 1_000 }, (_, i) => ({ id: `e-${i % 500}`, response_id: 'r', input_tokens: i })),
    );
    expect(items.map(({ status }) => status)).toEqual(['created', ...Array(999).fill('duplicate')]);
    expect(new Set(items.map(({ id }) => id)).size).toBe(1);
  });
});

describe('a hold that a duplicate names', () => {
  const HOLD = {
    provider: 'openai',
    model: 'gpt-4o',
    input_tokens: 1_000,
    max_output_tokens: 1_000,
    expires_in: 3_600,
  };
  const reserve = (key: string, body: object = {}) =>
    meterr().ok<{ id: string }>('POST', '/v1/usage/holds', { key, body: { ...HOLD, ...body } });

  /** The state of a hold, and the event that settled it, which the wire does not tell. */
  async function readHold(id: string) {
    const { rows } = await meterr().sql.query<{ status: string; settled_by: string | null }>(
      'SELECT status, settled_by FROM holds WHERE id = $1',
      [parseId('hold', id)],
    );
    const { status, settled_by: settledBy } = rows[0] ?? {};
    return { status, settledBy: settledBy ? formatId('usageEvent', settledBy) : null };
  }

  async function makeHolder(credits: 'none' | 'prepaid') {
    const { organization, key } = await makeWriter({ credits });
    if (credits === 'prepaid') await meterr().ok('POST', '/v1/credits/grants', { key, body: { amount: '1' } });
    await meterr().ok('POST', '/v1/budgets', {
      key,
      body: { name: 'all', amount: '10', period: 'total', action: 'block' },
    });
    return { organization, key };
  }

  it.each(DOOR_NAMES.flatMap((name) => [[name, 'none'] as const, [name, 'prepaid'] as const]))(
    'is settled by the first event, and reserves nothing more: by %s, credits %s',
    async (name, credits) => {
      const { key } = await makeHolder(credits);
      const first = await single(key, { id: 'a', response_id: 'r' });
      const hold = await reserve(key);
      expect(await doorOf(name)(key, { id: 'b', response_id: 'r', hold_id: hold.id })).toEqual({
        ...first,
        status: 'duplicate',
      });
      expect(await readHold(hold.id)).toMatchObject({ status: 'settled', settledBy: first.id });
      const { data } = await meterr().ok<{ data: object[] }>('GET', '/v1/budgets', { key });
      expect(data).toMatchObject([{ held: '0', spent: EVENT_COST }]);
      if (credits === 'prepaid') {
        expect(await meterr().ok('GET', '/v1/credits', { key })).toMatchObject({ held: '0', used: EVENT_COST });
      }
    },
  );

  it('is settled within one batch too, also where the first is in the same', async () => {
    const { key } = await makeHolder('prepaid');
    const holds = [await reserve(key), await reserve(key), await reserve(key)];
    const events = [
      { id: 'a', response_id: 'r', hold_id: holds[0]?.id },
      { id: 'b', response_id: 'r', hold_id: holds[1]?.id },
      { id: 'c', hold_id: holds[2]?.id },
    ].map((event) => ({ ...EVENT, ...event }));
    const { data: items } = await meterr().ok<BatchAnswer>('POST', '/v1/usage/batch', { key, body: { events } });
    expect(items.map(({ status }) => status)).toEqual(['created', 'duplicate', 'created']);
    const settledBy = [items[0]?.id, items[0]?.id, items[2]?.id];
    for (const [at, { id }] of holds.entries()) {
      expect(await readHold(id)).toMatchObject({ status: 'settled', settledBy: settledBy[at] });
    }
    expect(await meterr().ok('GET', '/v1/credits', { key })).toMatchObject({ held: '0', used: '0.015' });
  });

  it('stays open where it is another team’s, and where the event is a conflict', async () => {
    const { organization, key } = await makeHolder('none');
    const [mine, theirs] = [await makeTeam(meterr(), organization), await makeTeam(meterr(), organization)];
    const { secret } = await makeKey(meterr(), organization, { team: mine, scopes: ['usage:write'] });
    await single(key, { id: 'a', response_id: 'r' });
    const hold = await reserve(key, { team_id: theirs.id });
    expect(await single(secret, { response_id: 'r', hold_id: hold.id })).toMatchObject({ status: 'duplicate' });
    expect(await single(key, { id: 'a', hold_id: hold.id })).toMatchObject({ status: 'conflict' });
    expect(await readHold(hold.id)).toMatchObject({ status: 'active', settledBy: null });
  });
});

describe('a voided event', () => {
  const voidEvent = (key: string, id: string | null) =>
    meterr().rest<UsageEventAnswer>('POST', `/v1/usage/${id}/void`, { key, body: { reason: 'a test' } });

  it('frees its response id, never its id', async () => {
    const { key } = await makeWriter();
    const a = await single(key, { id: 'a', response_id: 'r' });
    expect((await voidEvent(key, a.id)).status).toBe(201);
    // The same is a repeat, and takes nothing.
    expect(await single(key, { id: 'a', response_id: 'r' })).toEqual({ ...a, status: 'duplicate' });
    const b = await single(key, { id: 'b', response_id: 'r' });
    expect(b.status).toBe('created');
    // Voided once more, it does not free what is another's by now.
    expect((await voidEvent(key, a.id)).status).toBe(200);
    expect(await single(key, { id: 'c', response_id: 'r' })).toEqual({ ...b, status: 'duplicate' });
    // It is the call that b tells of, so its own record is not what is told.
    for (const name of DOOR_NAMES) {
      expect(await doorOf(name)(key, { id: 'a', response_id: 'r' })).toEqual({ ...b, status: 'duplicate' });
    }
    expect((await voidEvent(key, b.id)).status).toBe(201);
    expect(await single(key, { id: 'a', response_id: 'r' })).toEqual({ ...a, status: 'duplicate' });
    expect(await single(key, { id: 'c', response_id: 'r' })).toMatchObject({ status: 'created' });
    expect(await totalsOf(key)).toMatchObject({ requests: 1, cost: EVENT_COST });
    await expectExact();
  });

  it('is reversed by a row that is no answer: it takes and frees nothing of its own', async () => {
    const { key } = await makeWriter();
    const a = await single(key, { response_id: 'r' });
    const reverse = await voidEvent(key, a.id);
    expect(reverse.body).toMatchObject({ voids: a.id, requests: -1 });
    expect(await single(key, { response_id: 'r' })).toMatchObject({ status: 'created' });
  });
});

describe('a key that is bound to a team', () => {
  async function makeTeams(organization: MadeOrganization) {
    const [mine, theirs] = [await makeTeam(meterr(), organization), await makeTeam(meterr(), organization)];
    const { secret } = await makeKey(meterr(), organization, { team: mine, scopes: ['usage:write', 'usage:read'] });
    return { mine, theirs, secret };
  }

  it.each(DOOR_NAMES)('learns of a duplicate of another team’s event only that it is one: by %s', async (name) => {
    const { organization, key } = await makeWriter();
    const { theirs, secret } = await makeTeams(organization);
    const body = {
      ...EVENT,
      team_id: theirs.id,
      response_id: 'r',
      cost: '77.125',
      user_id: 'their user',
      tags: { x: 'y' },
    };
    const first = await meterr().ok<UsageEventAnswer>('POST', '/v1/usage', { key, body });
    const told = await doorOf(name)(secret, { response_id: 'r' });
    expect(told).toEqual({ status: 'duplicate', id: first.id, cost: EVENT_COST });
    const { text } = await meterr().rest('POST', '/v1/usage', { key: secret, body: { ...EVENT, response_id: 'r' } });
    for (const secretOf of ['77.125', 'their user', theirs.id]) expect(text).not.toContain(secretOf);
    expect((await meterr().rest('GET', `/v1/usage/${first.id}`, { key: secret })).status).toBe(404);
  });

  it.each(DOOR_NAMES)('is answered the first record where that is its team’s: by %s', async (name) => {
    const { organization, key } = await makeWriter();
    const { mine, secret } = await makeTeams(organization);
    const body = { ...EVENT, team_id: mine.id, response_id: 'r', cost: '77.125' };
    const first = await meterr().ok<UsageEventAnswer>('POST', '/v1/usage', { key, body });
    expect(await doorOf(name)(secret, { response_id: 'r' })).toEqual({
      status: 'duplicate',
      id: first.id,
      cost: '77.125',
    });
  });
});

describe('a response id that is none', () => {
  it.each([
    ['', 'empty'],
    ['x'.repeat(256), 'too long'],
    ['a\0b', 'not storable'],
  ])('is refused: number %#', async (response_id) => {
    const { status, error } = await meterr().rest('POST', '/v1/usage', { body: { ...EVENT, response_id } });
    expect([status, error?.code, JSON.stringify(error?.details)]).toEqual([
      400,
      'invalid_request',
      expect.stringContaining('response_id'),
    ]);
  });
});
