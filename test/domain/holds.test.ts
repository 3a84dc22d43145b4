import { describe, expect, it } from 'vitest';
import type { BudgetAnswer, HoldAnswer } from '../doors/budget-answers.ts';
import { DEFAULT_NOW } from '../harness/app.ts';
import { EVENT, type MadeOrganization, makeOrganization } from '../harness/make.ts';
import { useTwoServers } from '../harness/processes/two-servers.ts';

// What becomes of a hold: two server processes on one database, what is held on one is settled on
// the other.

const two = useTwoServers();
const HOLD = { provider: 'openai', model: 'gpt-4o', input_tokens: 1000, max_output_tokens: 500 } as const;
const NOW_MS = Date.parse(DEFAULT_NOW);

async function newBudget(credits: 'none' | 'prepaid' = 'none') {
  const organization = await makeOrganization(two(), { credits });
  const { secret: key } = organization.key;
  const { ok } = two().server(0);
  if (credits === 'prepaid') await ok('POST', '/v1/credits/grants', { key, body: { amount: '10' } });
  const body = { name: 'Wall', amount: '10', period: 'day', action: 'block', thresholds: [] };
  const { id } = await ok<BudgetAnswer>('POST', '/v1/budgets', { key, body });
  return { organization, key, id };
}

const hold = (n: number, key: string, amount: string, more: object = {}) =>
  two()
    .server(n)
    .rest<HoldAnswer>('POST', '/v1/usage/holds', { key, body: { ...HOLD, amount, ...more } });
const settle = (n: number, key: string, hold_id: string, cost: string, more: object = {}) =>
  two()
    .server(n)
    .rest<{ id: string }>('POST', '/v1/usage', { key, body: { ...EVENT, hold_id, cost, ...more } });
const release = (n: number, key: string, id: string) =>
  two().server(n).rest<HoldAnswer>('DELETE', `/v1/usage/holds/${id}`, { key });

async function standing(key: string, id: string) {
  const of = await two().server(1).ok<BudgetAnswer>('GET', `/v1/budgets/${id}`, { key });
  return { spent: of.spent, held: of.held, remaining: of.remaining };
}

async function at<T>(timeMs: number, work: () => Promise<T>): Promise<T> {
  await two().setNow(timeMs);
  return work().finally(() => two().setNow(NOW_MS));
}

describe('an event that settles a hold', () => {
  it.each([
    { said: 'less than was held', cost: '1.5', after: { spent: '1.5', held: '0', remaining: '8.5' } },
    { said: 'as much as was held', cost: '4', after: { spent: '4', held: '0', remaining: '6' } },
    { said: 'more than was held', cost: '7', after: { spent: '7', held: '0', remaining: '3' } },
    { said: 'more than there is', cost: '25', after: { spent: '25', held: '0', remaining: '-15' } },
  ])('counts what was really used, $said, and gives back the rest', async ({ cost, after }) => {
    const { key, id } = await newBudget();
    const { body } = await hold(0, key, '4');
    expect(await standing(key, id)).toEqual({ spent: '0', held: '4', remaining: '6' });
    expect((await settle(1, key, body.id, cost)).status).toBe(201);
    expect(await standing(key, id)).toEqual(after);
  });

  it('frees it once: a second event with the same hold is usage like any other', async () => {
    const { key, id } = await newBudget();
    const [one, other] = [await hold(0, key, '4'), await hold(1, key, '3')];
    const events = Array.from({ length: 10 }, (_, i) => settle(i, key, one.body.id, '0.5'));
    expect((await Promise.all(events)).map(({ status }) => status)).toEqual(events.map(() => 201));
    expect(await standing(key, id)).toEqual({ spent: '5', held: '3', remaining: '2' });
    expect((await release(0, key, other.body.id)).status).toBe(200);
    expect(await standing(key, id)).toEqual({ spent: '5', held: '0', remaining: '5' });
  });

  it('twice in one batch, or sent again, frees it once too', async () => {
    const { key, id } = await newBudget();
    const { body } = await hold(0, key, '4');
    const events = ['a', 'b', 'a'].map((event) => ({ ...EVENT, id: event, hold_id: body.id, cost: '1' }));
    const send = (n: number) => two().server(n).ok('POST', '/v1/usage', { key, body: { events } });
    await Promise.all([send(0), send(1), send(0)]);
    expect(await standing(key, id)).toEqual({ spent: '2', held: '0', remaining: '8' });
  });

  it('is recorded even when the hold has expired or was released, and frees nothing then', async () => {
    const { key, id } = await newBudget();
    const [expired, released, living] = [
      await hold(0, key, '4', { expires_in: 1 }),
      await hold(0, key, '2'),
      await hold(0, key, '1', { expires_in: 3_600 }),
    ];
    await release(1, key, released.body.id);
    await at(NOW_MS + 1_000, async () => {
      expect(await standing(key, id)).toEqual({ spent: '0', held: '1', remaining: '9' });
      expect((await settle(1, key, expired.body.id, '3')).status).toBe(201);
      expect((await settle(0, key, released.body.id, '1')).status).toBe(201);
      expect(await standing(key, id)).toEqual({ spent: '4', held: '1', remaining: '5' });
      expect((await release(0, key, expired.body.id)).status).toBe(409);
      expect((await release(0, key, released.body.id)).body.status).toBe('released');
      expect((await release(0, key, living.body.id)).body.status).toBe('released');
    });
  });

  it('against a release at the same moment: exactly one of the two ends the hold', async () => {
    for (let i = 0; i < 5; i++) {
      const { key, id } = await newBudget();
      const { body } = await hold(0, key, '4');
      const [settled, released] = await Promise.all([settle(i, key, body.id, '1'), release(i + 1, key, body.id)]);
      expect(settled.status).toBe(201);
      expect([200, 409]).toContain(released.status);
      expect((await release(0, key, body.id)).status).toBe(released.status);
      expect(await standing(key, id)).toEqual({ spent: '1', held: '0', remaining: '9' });
    }
  });

  it('takes from prepaid credits what it cost, and leaves what others hold', async () => {
    const { key } = await newBudget('prepaid');
    const [one] = [await hold(0, key, '6'), await hold(1, key, '3')];
    expect((await hold(0, key, '1.01')).status).toBe(402);
    // What it held itself is there for it.
    expect((await settle(1, key, one.body.id, '7', { require_credits: true })).status).toBe(201);
    expect(await two().server(0).ok('GET', '/v1/credits', { key })).toMatchObject({
      used: '7',
      held: '3',
      available: '0',
    });
    const { body } = await hold(1, key, '0.01').then(() => hold(0, key, '0.01'));
    expect(body).toMatchObject({ error: { code: 'budget_exceeded' } });
  });
});

describe('a hold that expires', () => {
  it('is free from that millisecond on, with nothing running', async () => {
    const { key, id } = await newBudget();
    const { body } = await hold(0, key, '10', { expires_in: 60 });
    await at(NOW_MS + 59_999, async () => {
      expect((await hold(1, key, '0.01')).status).toBe(402);
      expect(await standing(key, id)).toMatchObject({ held: '10' });
    });
    await at(NOW_MS + 60_000, async () => {
      expect(await standing(key, id)).toEqual({ spent: '0', held: '0', remaining: '10' });
      expect((await hold(1, key, '10')).status).toBe(201);
      expect((await release(0, key, body.id)).body).toMatchObject({ id: body.id, status: 'expired' });
      expect(await standing(key, id)).toMatchObject({ held: '10' });
    });
  });

  it('frees its credits for an event that requires them, with nothing running', async () => {
    const { key } = await newBudget('prepaid');
    await hold(0, key, '10', { expires_in: 60 });
    const pay = (n: number) =>
      two()
        .server(n)
        .rest('POST', '/v1/usage', { key, body: { ...EVENT, cost: '9', require_credits: true } });
    expect((await pay(0)).status).toBe(402);
    await at(NOW_MS + 60_000, async () => {
      expect(await two().server(1).ok('GET', '/v1/credits', { key })).toMatchObject({ held: '0', available: '10' });
      expect((await pay(1)).status).toBe(201);
    });
  });
});

describe('a hold and the budgets', () => {
  it('reserves in all that would count the call, and in none when one refuses', async () => {
    const organization: MadeOrganization = await makeOrganization(two());
    const { secret: key } = organization.key;
    const make = (body: object) =>
      two()
        .server(0)
        .ok<BudgetAnswer>('POST', '/v1/budgets', {
          key,
          body: { name: 'One', period: 'day', thresholds: [], ...body },
        });
    const wide = await make({ amount: '100' });
    const user = await make({ amount: '5', per: 'user', action: 'block' });
    expect((await hold(0, key, '4', { user_id: 'a' })).status).toBe(201);
    expect((await hold(1, key, '4', { user_id: 'a' })).error?.details).toMatchObject({ budget_id: user.id });
    expect((await hold(1, key, '4', { user_id: 'b' })).status).toBe(201);
    expect((await hold(1, key, '40')).status).toBe(201);
    expect(await standing(key, wide.id)).toMatchObject({ held: '48' });
    expect((await two().server(0).ok<BudgetAnswer>('GET', `/v1/budgets/${user.id}`, { key })).subjects).toMatchObject([
      { subject: 'a', held: '4', remaining: '1' },
      { subject: 'b', held: '4', remaining: '1' },
    ]);
  });

  it('reserves in the period it was made in, also when its call ends in the next', async () => {
    const { key, id } = await newBudget();
    const lastMs = Date.parse('2026-11-22T23:59:59.000Z');
    const made = await at(lastMs, () => hold(0, key, '4'));
    await at(lastMs + 1_000, async () => {
      expect(await standing(key, id)).toEqual({ spent: '0', held: '0', remaining: '10' });
      expect((await hold(1, key, '10')).status).toBe(201);
      expect((await settle(0, key, made.body.id, '3')).status).toBe(201);
      expect(await standing(key, id)).toEqual({ spent: '3', held: '10', remaining: '-3' });
    });
    expect(await at(lastMs, () => standing(key, id))).toMatchObject({ spent: '0', held: '0' });
  });

  it('sees a change of another server from its answer on', async () => {
    const { key, id } = await newBudget();
    for (let limit = 1; limit <= 12; limit++) {
      await two()
        .server(limit)
        .ok('PATCH', `/v1/budgets/${id}`, { key, body: { amount: String(limit) } });
      expect((await hold(limit + 1, key, '1')).status).toBe(201);
      expect((await hold(limit + 1, key, '0.01')).status).toBe(402);
    }
    await two().server(0).ok('DELETE', `/v1/budgets/${id}`, { key });
    expect((await hold(1, key, '100')).body.budgets).toEqual([]);
  });
});
