import { describe, expect, it } from 'vitest';
import { verifyBudgets } from '../../src/domain/budgets/verify-budgets.ts';
import { verifyCredits } from '../../src/domain/credits/verify-credits.ts';
import { openDatabase } from '../../src/platform/postgres/database.ts';
import { type BudgetAnswer, type HoldAnswer, UNPRICED } from '../doors/budget-answers.ts';
import { DEFAULT_NOW } from '../harness/app.ts';
import { attoOf, decimalOf } from '../harness/ledger.ts';
import { EVENT, type MadeOrganization, makeOrganization, makeUsage } from '../harness/make.ts';
import { OPERATOR_KEY } from '../harness/operator-key.ts';
import { useTwoServers } from '../harness/processes/two-servers.ts';

// Limits that are set while holds are open: two server processes on one database.

const two = useTwoServers();
const HOLD = { provider: 'openai', model: 'gpt-4o', input_tokens: 1000, max_output_tokens: 500 } as const;
const BLOCKING = { name: 'Wall', amount: '1', period: 'month', action: 'block', thresholds: [] } as const;

const hold = (n: number, { key }: MadeOrganization, amount: string, more: object = {}) =>
  two()
    .server(n)
    .rest<HoldAnswer>('POST', '/v1/usage/holds', { key: key.secret, body: { ...HOLD, amount, ...more } });
const budget = (n: number, { key }: MadeOrganization, body: object = {}) =>
  two()
    .server(n)
    .ok<BudgetAnswer>('POST', '/v1/budgets', { key: key.secret, body: { ...BLOCKING, ...body } });
const read = (n: number, { key }: MadeOrganization, { id }: { id: string }) =>
  two().server(n).ok<BudgetAnswer>('GET', `/v1/budgets/${id}`, { key: key.secret });
const settle = (n: number, { key }: MadeOrganization, { id }: { id: string }, cost: string) =>
  two()
    .server(n)
    .ok('POST', '/v1/usage', { key: key.secret, body: { ...EVENT, hold_id: id, cost } });
const turn = (n: number, { id }: MadeOrganization, credits: 'none' | 'prepaid') =>
  two().server(n).ok('PATCH', `/v1/organizations/${id}`, { key: OPERATOR_KEY, body: { credits } });
const creditsOf = (n: number, { key }: MadeOrganization) =>
  two().server(n).ok<{ held: string; available: string }>('GET', '/v1/credits', { key: key.secret });

async function expectNoDifference(): Promise<void> {
  const database = openDatabase({ connectionString: two().connectionString, connections: 1, onError: () => {} });
  const found = [...(await verifyBudgets(database)), ...(await verifyCredits(database))];
  await database.close();
  expect(found).toEqual([]);
}

const sumOf = (amounts: readonly (string | null)[]) =>
  decimalOf(amounts.reduce((sum, amount) => sum + attoOf(amount ?? '0'), 0n));

describe('a blocking budget that is made while holds are open', () => {
  it('counts them from its first moment, and gives back what they reserve when they are settled', async () => {
    const organization = await makeOrganization(two());
    const { body: open } = await hold(0, organization, '0.9');
    const made = await budget(1, organization);
    expect(made).toMatchObject({ spent: '0', held: '0.9', remaining: '0.1' });
    expect((await hold(0, organization, '0.5')).error?.code).toBe('budget_exceeded');
    await settle(1, organization, open, '0.3');
    expect(await read(0, organization, made)).toMatchObject({ spent: '0.3', held: '0', remaining: '0.7' });
    expect((await hold(1, organization, '0.5')).status).toBe(201);
    await expectNoDifference();
  });

  it('leaves no gap however many are made beside it: what it holds is what all of them reserve', async () => {
    const organization = await makeOrganization(two());
    const holds = Array.from({ length: 60 }, (_, i) => hold(i, organization, '0.05'));
    const made = await budget(1, organization);
    const more = Array.from({ length: 60 }, (_, i) => hold(i + 1, organization, '0.05'));
    const answers = await Promise.all([...holds, ...more]);
    const open = answers.filter(({ status }) => status === 201).map(({ body }) => body);
    const { held } = await read(0, organization, made);
    expect(held).toBe(sumOf(open.map(({ amount }) => amount)));
    // Those before it may be more than it allows, those behind it are not.
    const [first] = await Promise.all([hold(0, organization, '0.05'), hold(1, organization, '0.05')]);
    expect(first.status).toBe(402);
    expect(answers.some(({ status }) => status === 402)).toBe(true);
    await Promise.all(open.map((one, i) => settle(i, organization, one, '0.01')));
    expect(await read(1, organization, made)).toMatchObject({ held: '0' });
    await expectNoDifference();
  });

  it('counts those that fit its scope, by subject, and none that has ended', async () => {
    const organization = await makeOrganization(two());
    const tags = { env: 'prod' };
    await hold(0, organization, '0.1', { user_id: 'a', tags });
    await hold(1, organization, '0.2', { user_id: 'a', tags: { ...tags, more: 'x' } });
    await hold(0, organization, '0.4', { user_id: 'b', tags });
    await hold(1, organization, '9', { user_id: 'a' });
    await hold(1, organization, '9', { tags });
    const { body: released } = await hold(0, organization, '9', { user_id: 'a', tags });
    await two().server(0).ok('DELETE', `/v1/usage/holds/${released.id}`, { key: organization.key.secret });
    const { subjects } = await budget(1, organization, { per: 'user', scope: { tags, model: 'gpt-4o' } });
    expect(subjects.map(({ subject, held }) => [subject, held])).toEqual([
      ['a', '0.3'],
      ['b', '0.4'],
    ]);
    const tokens = await budget(0, organization, { amount: undefined, tokens: 100_000, scope: { tags } });
    expect(tokens.held).toBe(4 * 1_500);
    await expectNoDifference();
  });

  it('counts one of the period before in that period, with what was spent then', async () => {
    const organization = await makeOrganization(two());
    const lastMs = Date.parse('2026-11-22T23:59:59.000Z');
    await two().setNow(lastMs);
    try {
      await makeUsage(two().server(0), organization.key.secret, [{ cost: '0.25' }]);
      const { body: open } = await hold(0, organization, '0.5');
      await two().setNow(lastMs + 1_000);
      const made = await budget(1, organization, { period: 'day' });
      expect(made).toMatchObject({ spent: '0', held: '0', period_start: '2026-11-23T00:00:00.000Z' });
      const { rows } = await two().sql.query(
        'SELECT spent::float8, held::float8 FROM budget_counters WHERE organization_id = $1 AND period_start < $2',
        [organization.uuid, '2026-11-23'],
      );
      expect(rows).toEqual([{ spent: 0.25, held: 0.5 }]);
      await settle(0, organization, open, '0.5');
      await expectNoDifference();
    } finally {
      await two().setNow(DEFAULT_NOW);
    }
  });

  it('or that begins to block counts those that were made while it only alerted', async () => {
    const organization = await makeOrganization(two());
    const made = await budget(0, organization, { action: 'alert', amount: '100' });
    await hold(1, organization, '0.9');
    const patch = { key: organization.key.secret, body: { action: 'block', amount: '1' } };
    expect(await two().server(1).ok('PATCH', `/v1/budgets/${made.id}`, patch)).toMatchObject({ remaining: '0.1' });
    expect((await hold(0, organization, '0.11')).status).toBe(402);
    expect((await hold(1, organization, '0.1')).status).toBe(201);
  });
});

describe('an organization that turns prepaid while holds are open', () => {
  it('has them reserve credits from the switch on, and once, however often it turns', async () => {
    const organization = await makeOrganization(two());
    const { secret: key } = organization.key;
    await two()
      .server(0)
      .ok('POST', '/v1/credits/grants', { key, body: { amount: '1' } });
    const { body: open } = await hold(0, organization, '0.9');
    await two().server(1).ok('POST', '/v1/usage/holds', { key, body: UNPRICED });
    expect(await creditsOf(1, organization)).toMatchObject({ held: '0', available: '1' });
    for (const credits of ['prepaid', 'none', 'prepaid', 'prepaid'] as const) await turn(0, organization, credits);
    expect(await creditsOf(1, organization)).toMatchObject({ held: '0.9', available: '0.1' });
    expect((await hold(1, organization, '0.2')).error?.code).toBe('insufficient_credits');
    await settle(1, organization, open, '0.4');
    expect(await creditsOf(0, organization)).toMatchObject({ held: '0', available: '0.6' });
    await expectNoDifference();
  });

  it('reserves what all of them reserve, however many are made and settled beside the switch', async () => {
    const organization = await makeOrganization(two());
    const { secret: key } = organization.key;
    await two()
      .server(0)
      .ok('POST', '/v1/credits/grants', { key, body: { amount: '100' } });
    const early = await Promise.all(Array.from({ length: 20 }, (_, i) => hold(i, organization, '0.5')));
    const [, ...answers] = await Promise.all([
      turn(1, organization, 'prepaid'),
      ...Array.from({ length: 40 }, (_, i) => hold(i, organization, '0.25')),
      ...early.slice(0, 10).map(({ body }, i) => settle(i, organization, body, '0.1').then(() => null)),
    ]);
    expect(answers.every((answer) => answer === null || answer.status === 201)).toBe(true);
    expect(await creditsOf(0, organization)).toMatchObject({ held: '15' });
    await expectNoDifference();
  });
});

describe('a refused hold', () => {
  it('leaves no trace: neither a subject nor anything held', async () => {
    const organization = await makeOrganization(two());
    const made = await budget(0, organization, { per: 'user', amount: '0.1' });
    const wide = await budget(0, organization, { amount: '100', per: 'tag:env' });
    const refused = await Promise.all(
      Array.from({ length: 8 }, (_, i) => hold(i, organization, '0.2', { user_id: `u${i}`, tags: { env: `e${i}` } })),
    );
    expect(refused.map(({ status }) => status)).toEqual(refused.map(() => 402));
    for (const one of [made, wide]) expect((await read(1, organization, one)).subjects).toEqual([]);
    expect((await hold(0, organization, '0.1', { user_id: 'u1' })).status).toBe(201);
    expect((await read(1, organization, made)).subjects).toMatchObject([{ subject: 'u1', held: '0.1' }]);
  });
});

describe('a hold that reserves nothing', () => {
  it('is made under a budget that is full, and without credits: it makes nothing worse', async () => {
    const organization = await makeOrganization(two());
    const { secret: key } = organization.key;
    const free = { ...HOLD, input_tokens: 0, max_output_tokens: 0 };
    const ask = (n: number) => two().server(n).rest<HoldAnswer>('POST', '/v1/usage/holds', { key, body: free });
    await budget(0, organization);
    for (const cost of ['1', '0.5']) {
      await makeUsage(two().server(1), key, [{ cost }]);
      const { status, body } = await ask(1);
      expect({ status, amount: body.amount }).toEqual({ status: 201, amount: '0' });
    }
    await budget(1, organization, { amount: undefined, tokens: 1, per: 'api_key' });
    expect((await ask(0)).status).toBe(201);
    expect((await hold(0, organization, '0.01')).status).toBe(402);
    await turn(0, organization, 'prepaid');
    expect((await ask(1)).status).toBe(201);
  });
});
