import { describe, expect, it } from 'vitest';
import type { UsageEventAnswer as EventAnswer, ListAnswer } from '../../harness/answers.ts';
import { DEFAULT_NOW, useTestApp } from '../../harness/app.ts';
import { EVENT, EVENT_COST, type MadeOrganization, makeKey, makeOrganization, makeTeam } from '../../harness/make.ts';
import { addDecimals, GPT_4O, makePrice, type PriceAnswer, tokenUnits } from './price-answers.ts';

const meterr = useTestApp();
type UsageEventAnswer = EventAnswer & { warnings: string[] };
const HOUR_AGO = '2026-11-22T09:00:00.000Z';

const record = ({ key }: MadeOrganization, body: object = {}) =>
  meterr().ok<UsageEventAnswer>('POST', '/v1/usage', { key: key.secret, body: { ...EVENT, ...body } });
const ask = <T>({ key }: MadeOrganization, path: string) => meterr().ok<T>('GET', path, { key: key.secret });
const end = ({ key }: MadeOrganization, id: string) =>
  meterr().ok<PriceAnswer>('DELETE', `/v1/prices/${id}`, { key: key.secret });
const actionsOf = async (organization: MadeOrganization) =>
  (await ask<ListAnswer<{ action: string }>>(organization, '/v1/audit-log')).data.map(({ action }) => action);

describe('an own price', () => {
  it('is answered in the form that the list has, and charges the next event of its organization alone', async () => {
    const [mine, other] = [await makeOrganization(meterr()), await makeOrganization(meterr())];
    const units = [
      { unit: 'input_tokens', price: '2.00', tiers: [{ above: 200_000, price: 4 }] },
      { unit: 'output_tokens', price: '0.000008', per: 1 },
    ];
    const made = await makePrice(meterr(), mine, { provider: 'Azure.AI.OpenAI', model: ' GPT-4o ', units });
    expect(made).toMatchObject({
      id: expect.stringMatching(/^price_/),
      ...{ provider: 'azure', model: 'gpt-4o', match: { equals: 'gpt-4o' }, service_tier: null },
      ...{
        valid_from: null,
        valid_to: null,
        discount_percent: null,
        agreement: 'own',
        sources: [],
        source: 'override',
      },
      units: [
        { unit: 'input_tokens', price: '2', per: 1_000_000, tiers: [{ above: 200_000, price: '4' }] },
        { unit: 'output_tokens', price: '0.000008', per: 1, tiers: [] },
      ],
    });
    const list = await ask<ListAnswer<PriceAnswer>>(mine, '/v1/prices?agreement=own');
    expect(list.data).toEqual([made]);
    expect((await ask<ListAnswer<PriceAnswer>>(other, '/v1/prices?agreement=own')).data).toEqual([]);
    const azure = { provider: 'azure' };
    const event = await record(mine, azure);
    expect(event).toMatchObject({ cost: '0.006', cost_source: 'override', price_id: made.id, warnings: [] });
    expect(event.cost_breakdown).toEqual([
      { unit: 'input_tokens', model: null, quantity: 1000, unit_price: '0.000002', amount: '0.002' },
      { unit: 'output_tokens', model: null, quantity: 500, unit_price: '0.000008', amount: '0.004' },
    ]);
    expect((await record(mine, { ...azure, input_tokens: 200_001, output_tokens: 0 })).cost).toBe('0.800004');
    expect(await record(other, azure)).toMatchObject({ cost_source: 'catalog' });
    const named = `query ($id: ID!) { node(id: $id) { ... on Price { model units { price } agreement } } }`;
    const found = await meterr().data<{ node: object }>(named, { id: made.id }, { key: mine.key.secret });
    expect(found.node).toEqual({ model: 'gpt-4o', units: [{ price: '2' }, { price: '0.000008' }], agreement: 'OWN' });
    const hidden = await meterr().data<{ node: object }>(named, { id: made.id }, { key: other.key.secret });
    expect(hidden.node).toBeNull();
  });

  it('charges the parts that it does not list at its own input and output, and warns of other units', async () => {
    const mine = await makeOrganization(meterr());
    const made = await makePrice(meterr(), mine, { units: tokenUnits('1', '2') });
    const event = await record(mine, {
      ...{ cache_read_tokens: 400, input_audio_tokens: 100, reasoning_tokens: 200 },
      ...{ web_searches: 3, units: { output_images: 2 } },
    });
    expect(event).toMatchObject({ cost: '0.002', price_id: made.id });
    expect(event.warnings).toEqual([
      expect.stringContaining('web_searches (3)'),
      expect.stringContaining('output_images (2)'),
    ]);
  });

  it('that is ended charges what was used before, never what comes after, and stays in the list', async () => {
    const mine = await makeOrganization(meterr());
    const made = await makePrice(meterr(), mine, { units: tokenUnits('1', '1') });
    const before = await record(mine);
    const ended = await end(mine, made.id);
    expect(ended).toEqual({ ...made, valid_to: DEFAULT_NOW });
    expect(await end(mine, made.id)).toEqual(ended);
    expect(await record(mine)).toMatchObject({ cost: EVENT_COST, cost_source: 'catalog' });
    const late = await record(mine, { timestamp: HOUR_AGO });
    expect(late).toMatchObject({ cost: '0.0015', cost_source: 'override', price_id: made.id });
    const again = await ask<UsageEventAnswer>(mine, `/v1/usage/${before.id}`);
    expect(again).toEqual({ ...before, voided_by: null });
    expect((await ask<ListAnswer<PriceAnswer>>(mine, '/v1/prices?agreement=own')).data).toEqual([ended]);
    const now = await ask<ListAnswer<PriceAnswer>>(mine, `/v1/prices?agreement=own&at=${DEFAULT_NOW}`);
    expect(now.data).toEqual([]);
    expect((await actionsOf(mine)).sort()).toEqual(['price.created', 'price.ended']);
  });

  it('that is ended before it begins is never in force', async () => {
    const mine = await makeOrganization(meterr());
    const validFrom = '2026-11-22T10:04:00.000Z';
    const made = await makePrice(meterr(), mine, { units: tokenUnits('1', '1'), valid_from: validFrom });
    expect((await record(mine)).cost_source).toBe('catalog');
    const ahead = await record(mine, { timestamp: validFrom });
    expect(ahead).toMatchObject({ cost: '0.0015', price_id: made.id });
    expect(await end(mine, made.id)).toMatchObject({ valid_from: validFrom, valid_to: validFrom });
    expect((await record(mine, { timestamp: validFrom })).cost_source).toBe('catalog');
    const kept = await ask<UsageEventAnswer>(mine, `/v1/usage/${ahead.id}`);
    expect(kept.cost_breakdown).toEqual(ahead.cost_breakdown);
  });

  it('with a start in the past moves nothing that is recorded', async () => {
    const mine = await makeOrganization(meterr());
    const before = await record(mine, { timestamp: HOUR_AGO });
    await makePrice(meterr(), mine, { units: tokenUnits('9', '9'), valid_from: '2026-01-01T00:00:00Z' });
    expect(await ask<UsageEventAnswer>(mine, `/v1/usage/${before.id}`)).toEqual({ ...before, voided_by: null });
    expect((await ask<{ totals: { cost: string } }>(mine, '/v1/usage')).totals.cost).toBe(EVENT_COST);
  });

  it('is estimated, held and taken back at what it charges', async () => {
    const mine = await makeOrganization(meterr());
    const { secret: key } = mine.key;
    await makePrice(meterr(), mine, { discount_percent: '33.3333333' });
    const event = await record(mine, { cache_read_tokens: 7 });
    const estimate = await meterr().ok<UsageEventAnswer>('POST', '/v1/costs/estimate', {
      key,
      body: { ...EVENT, cache_read_tokens: 7 },
    });
    for (const field of ['cost', 'cost_source', 'price_id', 'cost_breakdown'] as const) {
      expect(estimate[field]).toEqual(event[field]);
    }
    const hold = await meterr().ok<{ amount: string }>('POST', '/v1/usage/holds', {
      key,
      body: { ...GPT_4O, input_tokens: 1000, max_output_tokens: 500 },
    });
    expect(hold.amount).toBe('0.0050000000025');
    const reversed = await meterr().ok<UsageEventAnswer>('POST', `/v1/usage/${event.id}/void`, {
      key,
      body: { reason: 'a test' },
    });
    expect(reversed.cost).toBe(`-${event.cost}`);
    expect(addDecimals(reversed.cost_breakdown.map(({ amount }) => amount))).toBe(`-${event.cost}`);
    expect((await ask<{ totals: { cost: string } }>(mine, '/v1/usage')).totals.cost).toBe('0');
  });
});

describe('a discount', () => {
  it('is taken off the catalog’s price of the event’s time, tier and region, exactly', async () => {
    const mine = await makeOrganization(meterr());
    const made = await makePrice(meterr(), mine, { provider: 'openai', model: undefined, discount_percent: 12.5 });
    expect(made).toMatchObject({ model: null, discount_percent: '12.5', units: [], agreement: 'own' });
    expect((await ask<ListAnswer<PriceAnswer>>(mine, '/v1/prices?provider=openai&agreement=own')).data).toEqual([made]);
    const event = await record(mine);
    expect(event).toMatchObject({ cost: '0.0065625', cost_source: 'override', price_id: made.id });
    expect(event.cost_breakdown.map(({ unit_price, amount }) => [unit_price, amount])).toEqual([
      ['0.0000021875', '0.0021875'],
      ['0.00000875', '0.004375'],
    ]);
    expect((await record(mine, { service_tier: 'batch' })).cost).toBe('0.00328125');
    expect(await record(mine, { model: 'gpt-99-imaginary' })).toMatchObject({ unpriced_reason: 'unknown_model' });
    expect((await record(mine, { provider: 'anthropic', model: 'claude-sonnet-4-5' })).cost_source).toBe('catalog');
    await end(mine, made.id);
    const kept = await ask<UsageEventAnswer>(mine, `/v1/usage/${event.id}`);
    expect(kept.cost_breakdown).toEqual(event.cost_breakdown);
  });

  it('that leaves a price finer than money rounds each line once, half to even at 18 places', async () => {
    const mine = await makeOrganization(meterr());
    await makePrice(meterr(), mine, { discount_percent: '33.333333333333333333' });
    const event = await record(mine, { input_tokens: 3, output_tokens: 0 });
    // 3 x 0.0000025 x 0.66666666666666666667 = 0.000005000000000000000025
    expect(event.cost).toBe('0.000005');
    const one = await record(mine, { input_tokens: 1, output_tokens: 0 });
    expect(one.cost).toBe('0.000001666666666667');
    expect(one.cost_breakdown).toEqual([
      { unit: 'input_tokens', model: null, quantity: 1, unit_price: one.cost, amount: one.cost },
    ]);
  });

  it('of 100 % costs nothing, which is known', async () => {
    const mine = await makeOrganization(meterr());
    await makePrice(meterr(), mine, { discount_percent: '100' });
    expect(await record(mine)).toMatchObject({ cost: '0', cost_source: 'override', unpriced_reason: null });
  });
});

describe('what cannot be a price', () => {
  const LONG = 'x'.repeat(256);
  it.each([
    ['neither units nor a discount', {}, ['units']],
    ['both', { units: tokenUnits('1', '1'), discount_percent: '1' }, ['discount_percent']],
    ['units without a model', { model: undefined, units: tokenUnits('1', '1') }, ['model']],
    ['a prefix of no model', { model: undefined, discount_percent: '1', match: 'prefix' }, ['match']],
    ['an empty model', { model: ' ', discount_percent: '1' }, ['model']],
    ['names that are too long', { provider: LONG, model: LONG, discount_percent: '1' }, ['provider', 'model']],
    ['no unit at all', { units: [] }, ['units']],
    ['an unknown unit', { units: [{ unit: 'tokens', price: '1' }] }, ['units.0.unit']],
    ['a unit twice', { units: [...tokenUnits('1', '1'), ...tokenUnits('1', '1')] }, ['units.2.unit', 'units.3.unit']],
    ['a negative price', { units: tokenUnits('-1', '1') }, ['units.0.price']],
    ['a price finer than money', { units: tokenUnits('0.0000000000001', '1') }, ['units.0.price']],
    ['a price that no sum can hold', { units: [{ unit: 'searches', price: '1001', per: 1 }] }, ['units.0.price']],
    ['a quantity of 0', { units: [{ unit: 'searches', price: '1', per: 0 }] }, ['units.0.per']],
    [
      'tiers that contradict each other',
      {
        units: [
          {
            ...{ unit: 'input_tokens', price: '1' },
            tiers: [
              { above: 5, price: '1' },
              { above: 5, price: '-1' },
            ],
          },
        ],
      },
      ['units.0.tiers.1.above', 'units.0.tiers.1.price'],
    ],
    [
      'too many tiers',
      {
        units: [
          {
            unit: 'input_tokens',
            price: '1',
            tiers: Array.from({ length: 11 }, (_, above) => ({ above, price: '1' })),
          },
        ],
      },
      ['units.0.tiers'],
    ],
    ['a discount of nothing', { discount_percent: '0' }, ['discount_percent']],
    ['a discount of more than all', { discount_percent: '100.000000000000000001' }, ['discount_percent']],
    ['an empty service tier', { discount_percent: '1', service_tier: '' }, ['service_tier']],
    [
      'an end before the start',
      { discount_percent: '1', valid_from: DEFAULT_NOW, valid_to: DEFAULT_NOW },
      ['valid_to'],
    ],
    ['an unknown field', { discount_percent: '1', discount: '1' }, ['discount']],
    ['an unknown match', { discount_percent: '1', match: 'suffix' }, ['match']],
  ])('%s is refused by name', async (_, body, paths) => {
    const answer = await meterr().rest('POST', '/v1/prices', { body: { ...GPT_4O, ...body } });
    expect(answer.status).toBe(400);
    expect(answer.error?.code).toBe('invalid_request');
    expect(answer.error?.details.fields?.map(({ path }) => path)).toEqual(paths);
  });

  it('is the catalog’s or another’s to end, and a team’s key makes and ends none', async () => {
    const [mine, other] = [await makeOrganization(meterr()), await makeOrganization(meterr())];
    const made = await makePrice(meterr(), other, { discount_percent: '5' });
    const [listed] = (await ask<ListAnswer<PriceAnswer>>(mine, '/v1/prices?limit=1')).data;
    for (const id of [made.id, listed?.id, 'price_nonsense']) {
      const answer = await meterr().rest('DELETE', `/v1/prices/${id}`, { key: mine.key.secret });
      expect([answer.status, answer.error?.code]).toEqual([404, 'not_found']);
    }
    const team = await makeTeam(meterr(), mine);
    const { secret: key } = await makeKey(meterr(), mine, { scopes: ['prices:write', 'prices:read'], team });
    const refused = await meterr().rest('POST', '/v1/prices', { key, body: { ...GPT_4O, discount_percent: '5' } });
    expect([refused.status, refused.error?.code]).toEqual([403, 'insufficient_permissions']);
    expect((await ask<ListAnswer<PriceAnswer>>(mine, '/v1/prices?agreement=own')).data).toEqual([]);
  });

  it('is the one beyond the limit of an organization', async () => {
    const mine = await makeOrganization(meterr());
    await meterr().sql.query(
      `INSERT INTO prices (id, organization_id, provider, model, match, units, source, source_version)
       SELECT gen_random_uuid(), $1, 'openai', 'm' || n, '{"equals": "m"}', '[]', 'override', '1'
         FROM generate_series(1, 9999) n`,
      [mine.uuid],
    );
    await makePrice(meterr(), mine, { discount_percent: '5' });
    const { status, error } = await meterr().rest('POST', '/v1/prices', {
      key: mine.key.secret,
      body: { ...GPT_4O, discount_percent: '5' },
    });
    expect([status, error?.code]).toEqual([409, 'conflict']);
  });
});

it('own prices are listed in pages, among those of the catalog, each once', async () => {
  const mine = await makeOrganization(meterr());
  const made: string[] = [];
  for (const discount_percent of ['1', '2', '3', '4', '5']) {
    made.push((await makePrice(meterr(), mine, { discount_percent })).id);
  }
  const seen: PriceAnswer[] = [];
  let cursor: string | null = null;
  do {
    const page: ListAnswer<PriceAnswer> = await ask(
      mine,
      `/v1/prices?provider=openai&model=gpt-4o&limit=2${cursor === null ? '' : `&cursor=${cursor}`}`,
    );
    seen.push(...page.data);
    cursor = page.has_more ? page.next_cursor : null;
  } while (cursor !== null);
  expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
  const own = seen.filter(({ agreement }) => agreement === 'own').map(({ id }) => id);
  expect(own.sort()).toEqual(made.sort());
  expect(seen.length).toBeGreaterThan(own.length);
});
