import { describe, expect, it } from 'vitest';
import { DEFAULT_NOW, useTestApp } from '../harness/app.ts';
import { EVENT, type MadeOrganization, makeKey, makeOrganization, makeTeam, makeUsage } from '../harness/make.ts';
import { HOLD, type HoldAnswer, makeBudget, pathsOf, UNPRICED } from './budget-answers.ts';

const HOLD_INPUT = { provider: 'openai', model: 'gpt-4o', inputTokens: 1000, maxOutputTokens: 500 } as const;
const CREATE_HOLD = 'mutation ($input: CreateHoldInput!) { createHold(input: $input) { id } }';

const meterr = useTestApp();
const newOrganization = () => makeOrganization(meterr());
const make = (organization: MadeOrganization, body: object) => makeBudget(meterr(), organization, body);
const hold = (key: string, body: object) => meterr().rest<HoldAnswer>('POST', '/v1/usage/holds', { key, body });

describe('a hold', () => {
  it('says what it reserves, until when, and what is left of each budget, the least left first', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    const wide = await make(organization, { amount: '10' });
    const narrow = await make(organization, { amount: '1', action: 'block' });
    const tokens = await make(organization, { amount: undefined, tokens: 50_000 });
    await makeUsage(meterr(), key, [{ cost: '0.25' }]);
    const { status, body } = await hold(key, HOLD);
    expect(status).toBe(201);
    const money = { spent: '0.25', held: '0.0075' };
    expect(body).toEqual({
      id: expect.stringMatching(/^hold_[0-7][0-9a-z]{25}$/),
      status: 'active',
      provider: 'openai',
      model: 'gpt-4o',
      amount: '0.0075',
      tokens: 1_500,
      created_at: DEFAULT_NOW,
      expires_at: '2026-11-22T10:05:00.000Z',
      budgets: [
        { id: narrow.id, limit: '1', remaining: '0.7425', ...money },
        { id: wide.id, limit: '10', remaining: '9.7425', ...money },
        { id: tokens.id, limit: 50_000, spent: 1_500, held: 1_500, remaining: 47_000 },
      ],
      credits: null,
    });
  });

  it('that has no room is refused with the numbers, of the budget with the least left: money', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    await make(organization, { amount: '5', action: 'block' });
    const { id } = await make(organization, { amount: '4', action: 'block' });
    await make(organization, { amount: '1', action: 'alert' });
    await makeUsage(meterr(), key, [{ cost: '1.5' }]);
    expect((await hold(key, { ...HOLD, amount: '2' })).status).toBe(201);
    const refused = await hold(key, { ...HOLD, amount: '1.750000000000000001' });
    expect(refused.status).toBe(402);
    expect(refused.error).toEqual({
      code: 'budget_exceeded',
      message: expect.stringContaining(id),
      details: { budget_id: id, limit: '4', current: '3.5', requested: '1.750000000000000001' },
    });
    const { error } = await meterr().gql(CREATE_HOLD, { input: { ...HOLD_INPUT, amount: '0.6' } }, { key });
    expect(error).toMatchObject({
      code: 'budget_exceeded',
      details: { budgetId: id, limit: '4', current: '3.5', requested: '0.6' },
    });
    expect((await hold(key, { ...HOLD, amount: '0.5' })).status).toBe(201);
  });

  it('that has no room is refused with the numbers: tokens', async () => {
    const organization = await newOrganization();
    const { id } = await make(organization, { amount: undefined, tokens: 1_499, action: 'block' });
    const refused = await hold(organization.key.secret, UNPRICED);
    expect(refused.error?.details).toEqual({ budget_id: id, limit: 1_499, current: 0, requested: 1_500 });
  });

  it('of a model without a price is refused under a blocking budget of money, unless it says an amount', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    const budget = await make(organization, { action: 'alert' });
    const open = await hold(key, UNPRICED);
    expect(open.body).toMatchObject({ amount: null, budgets: [{ held: '0' }] });
    await meterr().ok('PATCH', `/v1/budgets/${budget.id}`, { key, body: { action: 'block' } });
    const refused = await hold(key, UNPRICED);
    expect(refused.status).toBe(400);
    expect(pathsOf(refused.error)).toEqual({ code: 'invalid_request', paths: ['amount'] });
    expect((await hold(key, { ...UNPRICED, amount: '2' })).body).toMatchObject({
      amount: '2',
      budgets: [{ held: '2' }],
    });
  });

  it.each([
    { wrong: { expires_in: 0 }, path: 'expires_in' },
    { wrong: { expires_in: 3_601 }, path: 'expires_in' },
    { wrong: { expires_in: -1 }, path: 'expires_in' },
    { wrong: { amount: '0' }, path: 'amount' },
    { wrong: { amount: '-1' }, path: 'amount' },
    { wrong: { amount: '1000000000000.01' }, path: 'amount' },
    { wrong: { amount: 'much' }, path: 'amount' },
    { wrong: { model: '' }, path: 'model' },
    { wrong: { provider: '' }, path: 'provider' },
    { wrong: { max_output_tokens: -1 }, path: 'max_output_tokens' },
    { wrong: { max_output_tokens: Number.MAX_SAFE_INTEGER }, path: 'max_output_tokens' },
    { wrong: { max_output_tokens: 10 ** 12 + 1 }, path: 'max_output_tokens' },
    { wrong: { input_tokens: 1.5 }, path: 'input_tokens' },
    { wrong: { team_id: 'team_01h455vb4pex5vsknk084sn02q' }, path: 'team_id' },
    { wrong: { tags: { env: 1 } }, path: 'tags.env' },
    { wrong: { colour: 'red' }, path: 'colour' },
  ])('is refused by the field that is wrong: $wrong', async ({ wrong, path }) => {
    const { status, error } = await hold(meterr().adminKey, { ...HOLD, ...wrong });
    expect({ status, ...pathsOf(error) }).toEqual({ status: 400, code: 'invalid_request', paths: [path] });
  });

  it('shows a key that is bound to a team the figures of that team only, whoever decides', async () => {
    const organization = await newOrganization();
    const team = await makeTeam(meterr(), organization);
    const { secret: key } = await makeKey(meterr(), organization, { scopes: ['usage:write'], team });
    const own = await make(organization, { amount: '2', action: 'block', scope: { team_id: team.id } });
    const whole = await make(organization, { amount: '1.5', action: 'block' });
    const made = await hold(key, { ...HOLD, amount: '1' });
    expect(made.body.budgets).toEqual([{ id: own.id, limit: '2', spent: '0', held: '1', remaining: '1' }]);
    const hidden = await hold(key, { ...HOLD, amount: '0.6' });
    expect(hidden.status).toBe(402);
    expect(hidden.error).toMatchObject({ code: 'budget_exceeded', details: { requested: '0.6' } });
    expect(hidden.text).not.toContain(whole.id);
    expect(Object.keys(hidden.error?.details ?? {})).toEqual(['requested']);
    await meterr().ok('DELETE', `/v1/budgets/${whole.id}`, { key: organization.key.secret });
    const shown = await hold(key, { ...HOLD, amount: '1.1' });
    expect(shown.error?.details).toEqual({ budget_id: own.id, limit: '2', current: '1', requested: '1.1' });
  });

  it('names its own fields in GraphQL', async () => {
    const ask = async (wrong: object) =>
      pathsOf((await meterr().gql(CREATE_HOLD, { input: { ...HOLD_INPUT, ...wrong } })).error).paths;
    expect(await ask({ maxOutputTokens: -1 })).toEqual(['maxOutputTokens']);
    expect(await ask({ expiresIn: 0 })).toEqual(['expiresIn']);
    expect(await ask({ amount: '0' })).toEqual(['amount']);
  });

  it('lives from one second to an hour, as it asks', async () => {
    for (const seconds of [1, 3_600]) {
      const { body } = await hold(meterr().adminKey, { ...HOLD, expires_in: seconds });
      expect(Date.parse(body.expires_at) - Date.parse(DEFAULT_NOW)).toBe(seconds * 1000);
    }
  });

  it('is released once, and stays as it is when it is released again', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    const budget = await make(organization, {});
    const { body } = await hold(key, HOLD);
    const release = () => meterr().rest<HoldAnswer>('DELETE', `/v1/usage/holds/${body.id}`, { key });
    const [first, second] = [await release(), await release()];
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(first.body).toMatchObject({ id: body.id, status: 'released', amount: '0.0075' });
    expect(second.body).toEqual(first.body);
    expect(await meterr().ok('GET', `/v1/budgets/${budget.id}`, { key })).toMatchObject({ held: '0', spent: '0' });
  });

  it('that an event has settled is released no more', async () => {
    const { body } = await hold(meterr().adminKey, HOLD);
    await meterr().ok('POST', '/v1/usage', { body: { ...EVENT, hold_id: body.id } });
    const { status, error } = await meterr().rest('DELETE', `/v1/usage/holds/${body.id}`);
    expect([status, error?.code]).toEqual([409, 'conflict']);
  });

  it('is made once for one Idempotency-Key', async () => {
    const organization = await newOrganization();
    const { secret: key } = organization.key;
    const { id } = await make(organization, {});
    const ask = () =>
      meterr().rest('POST', '/v1/usage/holds', { key, body: HOLD, headers: { 'Idempotency-Key': 'one-hold' } });
    const [first, second] = [await ask(), await ask()];
    expect(second.body).toEqual(first.body);
    expect(await meterr().ok('GET', `/v1/budgets/${id}`, { key })).toMatchObject({ held: '0.0075' });
  });
});
