import { describe, expect, it } from 'vitest';
import { USAGE_UNITS } from '../../../src/domain/pricing/price/usage-units.ts';
import type { ListAnswer, UsageEventAnswer, UsageSummaryAnswer } from '../../harness/answers.ts';
import { useTestApp } from '../../harness/app.ts';
import { EVENT, EVENT_INPUT, makeOrganization } from '../../harness/make.ts';

const meterr = useTestApp();

interface UnitsAnswer extends UsageEventAnswer {
  units: Record<string, number>;
  response_id: string | null;
  served_model: string | null;
  warnings: string[];
}

const SEARCHED = { ...EVENT, units: { storage_searches: 2 } };
/** Two searches of files at 2.50 USD per 1,000 beside the tokens. */
const SEARCHED_COST = '0.0125';

const record = (body: object, key?: string) => meterr().ok<UnitsAnswer>('POST', '/v1/usage', { body, key });

function lineOf({ cost_breakdown }: UnitsAnswer, unit: string) {
  return cost_breakdown.find((line) => line.unit === unit);
}

describe('units of an event', () => {
  it('are charged by their own prices, and stand in the breakdown and in the event', async () => {
    const event = await record(SEARCHED);
    expect(event).toMatchObject({ cost: SEARCHED_COST, units: { storage_searches: 2 }, warnings: [] });
    expect(lineOf(event, 'storage_searches')).toEqual({
      unit: 'storage_searches',
      model: null,
      quantity: 2,
      unit_price: '0.0025',
      amount: '0.005',
    });
    expect(await meterr().ok('GET', `/v1/usage/${event.id}`)).toEqual(event);
  });

  it('cost in GraphQL what they cost in REST, and an estimate says the same', async () => {
    const { recordUsage } = await meterr().data<{ recordUsage: { cost: string; units: object } }>(
      'mutation ($input: RecordUsageInput!) { recordUsage(input: $input) { cost units } }',
      { input: { ...EVENT_INPUT, units: { storage_searches: 2 } } },
    );
    expect(recordUsage).toEqual({ cost: SEARCHED_COST, units: { storage_searches: 2 } });
    const estimate = await meterr().ok<UnitsAnswer>('POST', '/v1/costs/estimate', {
      body: { ...SEARCHED, units: { storage_searches: 2, searches: 1 } },
    });
    expect(estimate.cost).toBe(SEARCHED_COST);
    expect(estimate.warnings).toEqual([expect.stringContaining('searches (1)')]);
  });

  it('that are parts are taken out of their total, which keeps what is left', async () => {
    const body = { provider: 'google', model: 'gemini-2.5-flash-image', input_tokens: 10, output_tokens: 1_300 };
    const event = await record({ ...body, units: { output_image_tokens: 1_290 } });
    expect(event.output_tokens).toBe(1_300);
    expect(lineOf(event, 'output_image_tokens')).toMatchObject({ quantity: 1_290, unit_price: '0.00003' });
    expect(lineOf(event, 'output_tokens')).toMatchObject({ quantity: 10, unit_price: '0.0000025' });
  });

  it('without a price are a warning that names them, and the event is unpriced where nothing else has one', async () => {
    const some = await record({ ...EVENT, web_searches: 1, units: { output_images: 3, input_image_tokens: 5 } });
    expect(some.cost).not.toBeNull();
    expect(some.warnings).toEqual([
      expect.stringContaining('output_images (3)'),
      expect.stringContaining('input_image_tokens (5)'),
    ]);
    const none = await record({ ...EVENT, input_tokens: 0, output_tokens: 0, units: { output_images: 3 } });
    expect(none).toMatchObject({ cost: null, cost_source: 'unpriced', unpriced_reason: 'no_price_for_units' });
    expect(none.warnings).toEqual([expect.stringContaining('output_images (3)')]);
  });

  it('make a model that is charged by the hour priced, and without them it is not', async () => {
    const body = { provider: 'openai', model: 'whisper-1', input_tokens: 0, output_tokens: 0 };
    expect(await record(body)).toMatchObject({ cost: null, unpriced_reason: 'no_price_for_units' });
    expect(await record({ ...body, units: { input_audio_seconds: 90 } })).toMatchObject({ cost: '0.009' });
  });

  it('are negative in the row that voids the event, and the sums follow to the last digit', async () => {
    const { secret } = (await makeOrganization(meterr())).key;
    const { id } = await record(SEARCHED, secret);
    const path = `/v1/usage/${id}/void`;
    const reversal = await meterr().ok<UnitsAnswer>('POST', path, { key: secret, body: { reason: 'x' } });
    expect(reversal).toMatchObject({ cost: `-${SEARCHED_COST}`, units: { storage_searches: -2 } });
    expect(lineOf(reversal, 'storage_searches')).toMatchObject({ quantity: -2, amount: '-0.005' });
    const { totals } = await meterr().ok<UsageSummaryAnswer>('GET', '/v1/usage', { key: secret });
    expect(totals).toMatchObject({ requests: 0, cost: '0' });
  });

  it('are in the history and in both exports', async () => {
    const { secret } = (await makeOrganization(meterr())).key;
    await record({ ...SEARCHED, response_id: 'resp_1' }, secret);
    const { data } = await meterr().ok<ListAnswer<UnitsAnswer>>('GET', '/v1/usage/history', { key: secret });
    expect(data[0]).toMatchObject({ units: { storage_searches: 2 }, response_id: 'resp_1', served_model: null });
    const exported = async (accept: string) => {
      const headers = { authorization: `Bearer ${secret}`, accept };
      return (await meterr().fetch('/v1/usage/export', { headers })).text();
    };
    const [head = '', row = ''] = (await exported('text/csv')).split('\r\n');
    expect(head.split(',')).toEqual(expect.arrayContaining(['units', 'response_id', 'served_model']));
    expect(row).toContain('"{""storage_searches"":2}"');
    expect(JSON.parse(await exported('application/x-ndjson'))).toEqual(data[0]);
  });
});

describe('units are refused', () => {
  it.each<[string, unknown, string]>([
    ['an unknown name', { unicorns: 1 }, 'units.unicorns'],
    ['the name of a count', { input_tokens: 1 }, 'units.input_tokens'],
    ['a name of every object', { constructor: 1 }, 'units.constructor'],
    ['a string', { searches: '1' }, 'units.searches'],
    ['null', { searches: null }, 'units.searches'],
    ['a fraction', { searches: 0.5 }, 'units.searches'],
    ['a negative quantity', { searches: -1 }, 'units.searches'],
    ['more than 10^12', { searches: 1_000_000_000_001 }, 'units.searches'],
    ['a part above its total', { output_image_tokens: 501 }, 'units.output_image_tokens'],
    ['a part of a cache that was not read', { cache_audio_read_tokens: 1 }, 'units.cache_audio_read_tokens'],
    ['more names than there are', Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`n${at}`, 1])), 'units'],
  ])('by name for %s, in both doors', async (_, units, path) => {
    const { status, error } = await meterr().rest('POST', '/v1/usage', { body: { ...EVENT, units } });
    expect([status, error?.code]).toEqual([400, 'invalid_request']);
    expect(error?.details).toMatchObject({ fields: [{ path }] });
    const gql = await meterr().gql('mutation ($i: RecordUsageInput!) { recordUsage(input: $i) { id } }', {
      i: { ...EVENT_INPUT, units },
    });
    expect(gql.error).toMatchObject({ code: 'invalid_request', details: { fields: [{ path }] } });
  });

  it('in the words of the door', async () => {
    const units = { output_image_tokens: 501 };
    const { error } = await meterr().rest('POST', '/v1/usage', { body: { ...EVENT, units } });
    expect(error?.message).toBe('units.output_image_tokens: must not be above output_tokens, which includes it');
  });

  it.each([[[]], ['searches'], [3]])('where they are no object: %j', async (units) => {
    const { status } = await meterr().rest('POST', '/v1/usage', { body: { ...EVENT, units } });
    expect(status).toBe(400);
  });

  it('beside the provider’s own usage, which they are derived from', async () => {
    const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
    const body = { provider: 'openai', model: 'gpt-4o', usage };
    const { status, error } = await meterr().rest('POST', '/v1/usage', { body: { ...body, units: { searches: 1 } } });
    expect([status, error?.details]).toMatchObject([400, { fields: [{ path: 'units' }] }]);
    expect((await meterr().rest('POST', '/v1/usage', { body: { ...body, units: { searches: 0 } } })).status).toBe(201);
  });

  it('never at 10^12, and each name of the list is taken', async () => {
    const most = 1_000_000_000_000;
    const totals = {
      input_tokens: most,
      output_tokens: most,
      cache_read_tokens: most / 2,
      cache_write_tokens: most / 2,
    };
    for (const { unit, partOf } of USAGE_UNITS) {
      const quantity = partOf === null ? most : 1;
      const { units } = await record({ ...EVENT, ...totals, units: { [unit]: quantity } });
      expect(units).toEqual({ [unit]: quantity });
    }
  });
});

describe('a repeat with units', () => {
  let named = 0;
  const twice = async (first: object, second: object) => {
    const id = `units-${named++}`;
    const statuses: number[] = [];
    for (const body of [first, second]) {
      statuses.push((await meterr().rest('POST', '/v1/usage', { body: { ...EVENT, id, ...body } })).status);
    }
    return statuses;
  };

  it('is the same whether none are left out, empty or 0, and in any order', async () => {
    expect(await twice({}, { units: {} })).toEqual([201, 200]);
    expect(await twice({ units: { searches: 0 } }, { units: null })).toEqual([201, 200]);
    const [one, other] = [
      { searches: 2, output_images: 3 },
      { output_images: 3, searches: 2, input_images: 0 },
    ];
    expect(await twice({ units: one }, { units: other })).toEqual([201, 200]);
  });

  it('is another body with another quantity, another unit, or another response id', async () => {
    expect(await twice({ units: { searches: 2 } }, { units: { searches: 3 } })).toEqual([201, 409]);
    expect(await twice({ units: { searches: 2 } }, { units: { storage_searches: 2 } })).toEqual([201, 409]);
    expect(await twice({ units: { searches: 2 } }, {})).toEqual([201, 409]);
  });
});

describe('a response id', () => {
  it('is kept as it is given, and at most 255 characters long', async () => {
    const id = 'é'.repeat(255);
    expect((await record({ ...EVENT, response_id: id })).response_id).toBe(id);
    for (const response_id of ['', `${id}x`, 'a\0']) {
      const { status, error } = await meterr().rest('POST', '/v1/usage', { body: { ...EVENT, response_id } });
      expect([status, error?.details]).toMatchObject([400, { fields: [{ path: 'response_id' }] }]);
    }
  });
});
