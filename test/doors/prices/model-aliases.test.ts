import { describe, expect, it } from 'vitest';
import type { ListAnswer, UsageEventAnswer } from '../../harness/answers.ts';
import { useTestApp } from '../../harness/app.ts';
import { EVENT, EVENT_COST, type MadeOrganization, makeKey, makeOrganization, makeTeam } from '../../harness/make.ts';
import { type AliasAnswer, makeAlias, makePrice, tokenUnits } from './price-answers.ts';

const meterr = useTestApp();
const OURS = { provider: 'azure', model: 'our-deployment' };
const TO_GPT_4O = { target_provider: 'openai', target_model: 'gpt-4o' };

const record = ({ key }: MadeOrganization, body: object = {}) =>
  meterr().ok<UsageEventAnswer>('POST', '/v1/usage', { key: key.secret, body: { ...EVENT, ...OURS, ...body } });
const ask = <T>({ key }: MadeOrganization, path: string) => meterr().ok<T>('GET', path, { key: key.secret });

describe('an alias', () => {
  it('changes only the look-up of the price: the event keeps its model, and others see nothing of it', async () => {
    const [mine, other] = [await makeOrganization(meterr()), await makeOrganization(meterr())];
    expect(await record(mine)).toMatchObject({ cost: null, unpriced_reason: 'unknown_model' });
    const made = await makeAlias(meterr(), mine, { provider: ' AZURE ', model: 'Our-Deployment', ...TO_GPT_4O });
    expect(made).toEqual({
      id: expect.stringMatching(/^alias_/),
      ...OURS,
      ...TO_GPT_4O,
      created_at: expect.any(String),
    });
    expect(await record(mine)).toMatchObject({ ...OURS, cost: EVENT_COST, cost_source: 'catalog' });
    expect((await record(mine, { model: 'our-deployment-2' })).cost).toBeNull();
    expect((await record(other)).cost).toBeNull();
    expect((await ask<ListAnswer<AliasAnswer>>(mine, '/v1/model-aliases')).data).toEqual([made]);
    expect((await ask<ListAnswer<AliasAnswer>>(other, '/v1/model-aliases')).data).toEqual([]);
    const estimate = await meterr().ok<UsageEventAnswer>('POST', '/v1/costs/estimate', {
      key: mine.key.secret,
      body: { ...EVENT, ...OURS },
    });
    expect(estimate).toMatchObject({ ...OURS, cost: EVENT_COST });
    const path = `/v1/model-aliases/${made.id}`;
    expect(await meterr().ok('DELETE', path, { key: mine.key.secret })).toEqual(made);
    expect((await record(mine)).cost).toBeNull();
    expect((await meterr().rest('DELETE', path, { key: mine.key.secret })).status).toBe(404);
    const log = await ask<ListAnswer<{ action: string }>>(mine, '/v1/audit-log');
    expect(log.data.map(({ action }) => action).sort()).toEqual(['model_alias.created', 'model_alias.deleted']);
  });

  it('leads to own prices of its target, but not past one for exactly the name that was sent', async () => {
    const mine = await makeOrganization(meterr());
    await makeAlias(meterr(), mine, { ...OURS, ...TO_GPT_4O });
    const prefix = { ...OURS, model: 'our-', match: 'prefix' };
    await makePrice(meterr(), mine, { ...prefix, units: tokenUnits('9', '9') });
    expect((await record(mine)).cost).toBe(EVENT_COST);
    const discount = await makePrice(meterr(), mine, { model: undefined, discount_percent: '10' });
    expect(await record(mine)).toMatchObject({ cost: '0.00675', price_id: discount.id });
    const exact = await makePrice(meterr(), mine, { ...OURS, units: tokenUnits('1', '1') });
    expect(await record(mine)).toMatchObject({ cost: '0.0015', price_id: exact.id, cost_source: 'override' });
  });

  it('is not followed twice', async () => {
    const mine = await makeOrganization(meterr());
    await makeAlias(meterr(), mine, { model: 'one', target_model: 'two' });
    await makeAlias(meterr(), mine, { model: 'two', target_model: 'gpt-4o' });
    expect(await record(mine, { provider: 'openai', model: 'one' })).toMatchObject({ cost: null });
    expect(await record(mine, { provider: 'openai', model: 'two' })).toMatchObject({ cost: EVENT_COST });
  });

  it('of a model that has one is a conflict, until that is deleted; of itself it is refused', async () => {
    const mine = await makeOrganization(meterr());
    const { secret: key } = mine.key;
    const made = await makeAlias(meterr(), mine, { model: 'one', target_model: 'gpt-4o' });
    const again = { provider: 'OpenAI', model: 'ONE', target_model: 'gpt-4o-mini' };
    const refused = await meterr().rest('POST', '/v1/model-aliases', { key, body: again });
    expect([refused.status, refused.error?.code]).toEqual([409, 'conflict']);
    expect(refused.error?.message).toContain(made.id);
    await meterr().ok('DELETE', `/v1/model-aliases/${made.id}`, { key });
    await makeAlias(meterr(), mine, again);
    const body = { provider: 'openai', model: 'x', target_provider: 'OpenAI', target_model: 'X ' };
    const itself = await meterr().rest('POST', '/v1/model-aliases', { key, body });
    expect(itself.error?.details.fields?.map(({ path }) => path)).toEqual(['target_model']);
  });

  it('is made by no key of a team, and answers the GraphQL door alike', async () => {
    const mine = await makeOrganization(meterr());
    const team = await makeTeam(meterr(), mine);
    const { secret: key } = await makeKey(meterr(), mine, { scopes: ['prices:write'], team });
    const body = { ...OURS, ...TO_GPT_4O };
    expect((await meterr().rest('POST', '/v1/model-aliases', { key, body })).status).toBe(403);
    const made = await makeAlias(meterr(), mine, body);
    const asked = `query ($id: ID!) {
      modelAliases { edges { node { id model targetProvider targetModel } } } node(id: $id) { id }
    }`;
    const found = await meterr().data(asked, { id: made.id }, { key: mine.key.secret });
    const node = { id: made.id, model: OURS.model, targetProvider: 'openai', targetModel: 'gpt-4o' };
    expect(found).toEqual({ modelAliases: { edges: [{ node }] }, node: { id: made.id } });
  });
});
