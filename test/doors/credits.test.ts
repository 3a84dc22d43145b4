import { describe, expect, it } from 'vitest';
import type { ListAnswer, UsageEventAnswer } from '../harness/answers.ts';
import { DEFAULT_NOW, useTestApp } from '../harness/app.ts';
import { attoOf, decimalOf } from '../harness/ledger.ts';
import { EVENT, makeKey, makeOrganization, makeTeam, makeUsage } from '../harness/make.ts';
import { type HoldAnswer, readAll, readEvents } from './budget-answers.ts';

const meterr = useTestApp();
const HOLD = { provider: 'openai', model: 'gpt-4o', input_tokens: 1000, max_output_tokens: 500 } as const;

interface CreditsAnswer {
  mode: string;
  granted: string;
  used: string;
  held: string;
  expired: string;
  available: string;
}

interface EntryAnswer {
  at: string;
  cause: string;
  amount: string;
  grant_id: string | null;
  usage_id: string | null;
  hold_id: string | null;
}

async function newPayer(...grants: string[]) {
  const organization = await makeOrganization(meterr(), { credits: 'prepaid' });
  const { secret: key } = organization.key;
  const ids: string[] = [];
  for (const amount of grants) ids.push((await grant(key, { amount })).id);
  return { key, ids, organization };
}

const grant = (key: string, body: object) =>
  meterr().ok<{ id: string; amount: string }>('POST', '/v1/credits/grants', { key, body });
const creditsOf = (key: string) => meterr().ok<CreditsAnswer>('GET', '/v1/credits', { key });
const ledgerOf = (key: string) => readAll<EntryAnswer>(meterr(), '/v1/credits/ledger', key);
const hold = (key: string, amount: string) =>
  meterr().rest<HoldAnswer>('POST', '/v1/usage/holds', { key, body: { ...HOLD, amount } });
const record = (key: string, more: object) =>
  meterr().rest<UsageEventAnswer>('POST', '/v1/usage', { key, body: { ...EVENT, ...more } });
const sumOf = (entries: readonly EntryAnswer[]) =>
  decimalOf(entries.reduce((sum, { amount }) => sum + attoOf(amount), 0n));

describe('a grant', () => {
  it('is answered as it was made, and is available at once', async () => {
    const { key } = await newPayer();
    const body = { amount: '100.50', expires_at: '2027-01-01T01:00:00+01:00', priority: -3, note: 'Welcome' };
    const { status, body: made } = await meterr().rest('POST', '/v1/credits/grants', { key, body });
    expect(status).toBe(201);
    expect(made).toEqual({
      id: expect.stringMatching(/^grant_[0-7][0-9a-z]{25}$/),
      amount: '100.5',
      expires_at: '2027-01-01T00:00:00.000Z',
      priority: -3,
      note: 'Welcome',
      created_at: DEFAULT_NOW,
    });
    const none = { used: '0', held: '0', expired: '0' };
    expect(await creditsOf(key)).toEqual({ mode: 'prepaid', granted: '100.5', available: '100.5', ...none });
  });

  it.each([
    { wrong: { amount: '0' }, path: 'amount' },
    { wrong: { amount: '-5' }, path: 'amount' },
    { wrong: { amount: 'five' }, path: 'amount' },
    { wrong: { amount: '1000000000000.01' }, path: 'amount' },
    { wrong: { amount: undefined }, path: 'amount' },
    { wrong: { expires_at: DEFAULT_NOW }, path: 'expires_at' },
    { wrong: { expires_at: 'tomorrow' }, path: 'expires_at' },
    { wrong: { priority: 1_001 }, path: 'priority' },
    { wrong: { priority: 0.5 }, path: 'priority' },
    { wrong: { note: 'x'.repeat(501) }, path: 'note' },
    { wrong: { note: 'a\0b' }, path: 'note' },
    { wrong: { colour: 'red' }, path: 'colour' },
  ])('is refused by the field that is wrong: $wrong', async ({ wrong, path }) => {
    const { key } = await newPayer();
    const { status, error } = await meterr().rest('POST', '/v1/credits/grants', {
      key,
      body: { amount: '1', ...wrong },
    });
    expect([status, error?.code, error?.details.fields?.map((field) => field.path)]).toEqual([
      400,
      'invalid_request',
      [path],
    ]);
    expect(await ledgerOf(key)).toEqual([]);
  });

  it('names its own fields in GraphQL', async () => {
    const { key } = await newPayer();
    const query = 'mutation ($input: GrantCreditsInput!) { grantCredits(input: $input) { id } }';
    const { error } = await meterr().gql(query, { input: { amount: '0', expiresAt: DEFAULT_NOW } }, { key });
    expect(error?.details.fields?.map(({ path }) => path)).toEqual(['amount', 'expiresAt']);
  });
});

describe('an organization with prepaid credits', () => {
  it('pays usage from them, and is told what is held and what is left', async () => {
    const { key } = await newPayer('10');
    const held = await hold(key, '2.5');
    expect(held.body.credits).toEqual({ available: '7.5' });
    await record(key, { cost: '1' });
    expect(await creditsOf(key)).toEqual({
      mode: 'prepaid',
      granted: '10',
      used: '1',
      held: '2.5',
      expired: '0',
      available: '6.5',
    });
    await meterr().ok('DELETE', `/v1/usage/holds/${held.body.id}`, { key });
    expect(await creditsOf(key)).toMatchObject({ held: '0', available: '9' });
  });

  it('is refused a hold above what is available, with both numbers, in both doors', async () => {
    const { key } = await newPayer('1', '0.5');
    await hold(key, '0.25');
    const refused = await hold(key, '1.250000000000000001');
    expect(refused.status).toBe(402);
    expect(refused.error).toEqual({
      code: 'insufficient_credits',
      message: expect.any(String),
      details: { required: '1.250000000000000001', available: '1.25' },
    });
    const input = { provider: 'openai', model: 'gpt-4o', inputTokens: 1, maxOutputTokens: 1, amount: '3' };
    const query = 'mutation ($input: CreateHoldInput!) { createHold(input: $input) { id credits { available } } }';
    const { error } = await meterr().gql(query, { input }, { key });
    expect(error).toMatchObject({ code: 'insufficient_credits', details: { required: '3', available: '1.25' } });
    expect((await hold(key, '1.25')).body.credits).toEqual({ available: '0' });
  });

  it('is refused a hold of unknown cost, unless it says an amount', async () => {
    const { key } = await newPayer('1');
    const body = { ...HOLD, provider: 'nobody', model: 'unheard-of' };
    const { status, error } = await meterr().rest('POST', '/v1/usage/holds', { key, body });
    expect([status, error?.details.fields?.map(({ path }) => path)]).toEqual([400, ['amount']]);
    expect((await meterr().rest('POST', '/v1/usage/holds', { key, body: { ...body, amount: '1' } })).status).toBe(201);
  });

  it('records usage beyond all credits, unless the event requires them: then nothing of it is there', async () => {
    const { key } = await newPayer('1');
    const refused = await record(key, { id: 'one', cost: '1.01', require_credits: true });
    expect([refused.status, refused.error?.code, refused.error?.details]).toEqual([
      402,
      'insufficient_credits',
      { required: '1.01', available: '1' },
    ]);
    const { data } = await meterr().ok<ListAnswer<UsageEventAnswer>>('GET', '/v1/usage/history', { key });
    expect(data).toEqual([]);
    expect(await creditsOf(key)).toMatchObject({ used: '0', available: '1' });
    // The id is free: the same event without the condition is the first under it.
    expect((await record(key, { id: 'one', cost: '1.01' })).status).toBe(201);
    expect(await creditsOf(key)).toMatchObject({ used: '1.01', available: '-0.01' });
    expect((await record(key, { cost: '0.000000000000000001', require_credits: true })).status).toBe(402);
    await grant(key, { amount: '2' });
    expect(await creditsOf(key)).toMatchObject({ granted: '3', available: '1.99' });
  });

  it('sent again is answered like the first time, though nothing is left', async () => {
    const { key } = await newPayer('1');
    const event = { id: 'one', cost: '1', require_credits: true };
    const [first, second] = [await record(key, event), await record(key, event)];
    expect([first.status, second.status]).toEqual([201, 200]);
    expect(second.body.id).toBe(first.body.id);
    expect(await creditsOf(key)).toMatchObject({ used: '1', available: '0' });
  });

  it('has a batch stored but for the events that require what is not there', async () => {
    const { key } = await newPayer('1');
    const costs = ['0.6', '0.5', '0.4', '0.1'];
    const events = costs.map((cost) => ({ ...EVENT, cost, require_credits: true }));
    const answer = await meterr().ok<{ data: { status: string; error: { code: string; details: object } | null }[] }>(
      'POST',
      '/v1/usage',
      { key, body: { events } },
    );
    expect(answer.data.map(({ status }) => status)).toEqual(['created', 'invalid', 'created', 'invalid']);
    expect(answer.data[1]?.error).toMatchObject({
      code: 'insufficient_credits',
      details: { required: '0.5', available: '0.4' },
    });
    expect(await creditsOf(key)).toMatchObject({ used: '1', available: '0' });
  });

  it('sees every movement with its cause, and their sum is the balance', async () => {
    const { key, ids } = await newPayer('10');
    const held = await hold(key, '3');
    const settled = await record(key, { cost: '2', hold_id: held.body.id });
    const plain = await record(key, { cost: '1.5' });
    await record(key, { cost: '0' });
    const reversed = await meterr().ok<UsageEventAnswer>('POST', `/v1/usage/${plain.body.id}/void`, {
      key,
      body: { reason: 'a test' },
    });
    const none = { at: DEFAULT_NOW, grant_id: null, usage_id: null, hold_id: null };
    const entries = await ledgerOf(key);
    expect(entries).toEqual([
      { ...none, cause: 'void', amount: '1.5', usage_id: reversed.id },
      { ...none, cause: 'usage', amount: '-1.5', usage_id: plain.body.id },
      { ...none, cause: 'hold_settled', amount: '-2', usage_id: settled.body.id, hold_id: held.body.id },
      { ...none, cause: 'grant', amount: '10', grant_id: ids[0] },
    ]);
    expect(sumOf(entries)).toBe('8');
    expect(await creditsOf(key)).toMatchObject({ used: '2', available: '8' });
  });

  it('reads its ledger page by page, newest first', async () => {
    const { key } = await newPayer('100');
    for (const cost of ['1', '2', '3', '4']) await makeUsage(meterr(), key, [{ cost }]);
    const page = (query: string) =>
      meterr().ok<ListAnswer<EntryAnswer>>('GET', `/v1/credits/ledger?limit=2${query}`, { key });
    const first = await page('');
    const second = await page(`&cursor=${first.next_cursor}`);
    const third = await page(`&cursor=${second.next_cursor}`);
    const pages = [first, second, third];
    expect(pages.map(({ data }) => data.map(({ amount }) => amount))).toEqual([['-4', '-3'], ['-2', '-1'], ['100']]);
    expect(pages.map(({ has_more }) => has_more)).toEqual([true, true, false]);
    const { error } = await meterr().rest('GET', '/v1/credits/ledger?cursor=event:3', { key });
    expect(error?.details.fields?.map(({ path }) => path)).toEqual(['cursor']);
  });

  it('is told once when a tenth is left and once when nothing is, with the numbers', async () => {
    const { key } = await newPayer('10');
    for (const cost of ['8.9', '0.1', '0.5', '0.5', '1']) await makeUsage(meterr(), key, [{ cost }]);
    expect(await readEvents<object>(meterr(), key)).toEqual([
      {
        id: expect.stringMatching(/^event_/),
        event: 'credits.low',
        created_at: DEFAULT_NOW,
        data: { available: '1', granted: '10' },
      },
      {
        id: expect.stringMatching(/^event_/),
        event: 'credits.exhausted',
        created_at: DEFAULT_NOW,
        data: { available: '0', granted: '10' },
      },
    ]);
  });
});

describe('credits', () => {
  it('of an organization that does not prepay pay for nothing and refuse nothing', async () => {
    const { key } = await makeOrganization(meterr());
    await grant(key.secret, { amount: '1' });
    expect((await hold(key.secret, '50')).body.credits).toBeNull();
    expect((await record(key.secret, { cost: '50', require_credits: true })).status).toBe(201);
    expect(await creditsOf(key.secret)).toMatchObject({ mode: 'none', granted: '1', used: '0', available: '1' });
    expect(await readEvents(meterr(), key.secret)).toEqual([]);
  });

  it('are those of the own organization only', async () => {
    const [mine, theirs] = [await newPayer('5'), await newPayer('7')];
    await record(theirs.key, { cost: '7' });
    expect(await creditsOf(mine.key)).toMatchObject({ granted: '5', available: '5' });
    expect(await ledgerOf(mine.key)).toHaveLength(1);
    expect((await hold(mine.key, '5')).status).toBe(201);
  });

  it('are shared by all teams: a key that is bound to one pays from the same, and learns nothing of them', async () => {
    const { key, organization } = await newPayer('5');
    const team = await makeTeam(meterr(), organization);
    const scopes = ['usage:write', 'credits:read', 'credits:write'] as const;
    const { secret: bound } = await makeKey(meterr(), organization, { scopes, team });
    const held = await hold(bound, '4');
    expect([held.status, held.body.credits]).toEqual([201, null]);
    expect((await hold(key, '2')).error?.details).toEqual({ required: '2', available: '1' });
    const cost = '1.5';
    const batch = await meterr().ok<{ data: { error: object }[] }>('POST', '/v1/usage', {
      key: bound,
      body: { events: [{ ...EVENT, cost, require_credits: true }] },
    });
    for (const error of [
      (await hold(bound, cost)).error,
      (await record(bound, { cost, require_credits: true })).error,
      batch.data[0]?.error,
    ]) {
      expect(error).toMatchObject({ code: 'insufficient_credits', details: { required: cost } });
      expect(JSON.stringify(error)).not.toContain('available');
    }
    for (const [method, path, body] of [
      ['GET', '/v1/credits'],
      ['GET', '/v1/credits/ledger'],
      ['POST', '/v1/credits/grants', { amount: '100' }],
    ] as [string, string, object?][]) {
      const { status, error } = await meterr().rest(method, path, { key: bound, body });
      expect([path, status, error?.code]).toEqual([path, 403, 'insufficient_permissions']);
    }
    expect((await meterr().gql('{ credits { available } }', {}, { key: bound })).error?.code).toBe(
      'insufficient_permissions',
    );
    expect(await creditsOf(key)).toMatchObject({ granted: '5', available: '1' });
  });

  it('that an event requires do not cover a cost that nobody knows, unless the caller gives it', async () => {
    const { key } = await newPayer('5');
    const unpriced = { model: 'no-such-model', require_credits: true };
    const { status, error } = await record(key, unpriced);
    expect([status, error?.code, error?.details.fields?.map(({ path }) => path)]).toEqual([
      400,
      'invalid_request',
      ['cost'],
    ]);
    const { created, invalid } = await meterr().ok<{ created: number; invalid: number }>('POST', '/v1/usage', {
      key,
      body: { events: [{ ...EVENT, ...unpriced }, EVENT] },
    });
    expect([created, invalid]).toEqual([1, 1]);
    expect((await record(key, { ...unpriced, id: 'given', cost: '1' })).status).toBe(201);
    expect((await record(key, { ...unpriced, require_credits: false })).status).toBe(201);
    expect(await creditsOf(key)).toMatchObject({ used: '1.0075' });
    const { key: free } = await makeOrganization(meterr());
    expect((await record(free.secret, unpriced)).status).toBe(201);
  });
});
