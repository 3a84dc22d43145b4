import { describe, expect, it } from 'vitest';
import type { BatchAnswer, UsageEventAnswer, UsageSummaryAnswer } from '../../harness/answers.ts';
import { useTestApp } from '../../harness/app.ts';
import { EVENT, makeOrganization } from '../../harness/make.ts';

const meterr = useTestApp();

const MAX_COUNT = 10 ** 12;

/**
 * A raw JSON text of an event in either door's spelling, so that numbers stand as they are written.
 */
const restBody = (field: string) =>
  `{"provider": "openai", "model": "gpt-4o", "input_tokens": 1, "output_tokens": 1, ${field}}`;
const gqlInput = (field: string) =>
  `{"provider": "openai", "model": "gpt-4o", "inputTokens": 1, "outputTokens": 1, ${field}}`;

async function sendGraphQL(body: string): Promise<string | null | undefined> {
  const headers = { authorization: `Bearer ${meterr().adminKey}`, 'content-type': 'application/json' };
  const response = await meterr().fetch('/graphql', { method: 'POST', headers, body });
  const { data } = (await response.json()) as { data?: { recordUsage?: { cost: string | null } } };
  return data?.recordUsage?.cost;
}

/**
 * How money can come in: each gives the cost that was recorded, or undefined where it was refused.
 */
const WAYS: Record<string, (literal: string) => Promise<string | null | undefined>> = {
  'a REST body': async (literal) =>
    (await meterr().rest<UsageEventAnswer>('POST', '/v1/usage', { body: restBody(`"cost": ${literal}`) })).body.cost,
  'a REST batch': async (literal) =>
    (
      await meterr().rest<{ data: { cost: string }[] }>('POST', '/v1/usage', {
        body: `{"events": [${restBody(`"cost": ${literal}`)}]}`,
      })
    ).body.data?.[0]?.cost ?? undefined,
  'an NDJSON line': async (literal) =>
    (
      await meterr().rest<{ data: { cost: string }[] }>('POST', '/v1/usage', {
        body: restBody(`"cost": ${literal}`),
        headers: { 'content-type': 'application/x-ndjson' },
      })
    ).body.data?.[0]?.cost ?? undefined,
  'GraphQL variables': (literal) =>
    sendGraphQL(`{"query": "mutation ($input: RecordUsageInput!) { recordUsage(input: $input) { cost } }",
      "variables": {"input": ${gqlInput(`"cost": ${literal}`)}}}`),
  'a GraphQL variable of its own': (literal) =>
    sendGraphQL(
      `{"query": "mutation ($c: Decimal) { recordUsage(input: {provider: \\"openai\\", model: \\"gpt-4o\\",
      inputTokens: 1, outputTokens: 1, cost: $c}) { cost } }", "variables": {"c": ${literal}}}`.replace(/\n\s*/g, ' '),
    ),
  'a GraphQL literal': (literal) =>
    sendGraphQL(
      JSON.stringify({
        query: `mutation { recordUsage(input: {provider: "openai", model: "gpt-4o", inputTokens: 1, outputTokens: 1,
          cost: ${literal}}) { cost } }`,
      }),
    ),
};

const EXACT: [literal: string, cost: string][] = [
  ['"0.0061"', '0.0061'],
  ['0.0061', '0.0061'],
  ['0.1', '0.1'],
  ['"0.123456789012345678"', '0.123456789012345678'],
  ['0.123456789012345678', '0.123456789012345678'],
  ['0.100000000000000001', '0.100000000000000001'],
  ['1234567.000000000000000001', '1234567.000000000000000001'],
  ['"999999999999.999999999999999999"', '999999999999.999999999999999999'],
  ['100000000000.0000001', '100000000000.0000001'],
  ['1e-7', '0.0000001'],
  ['2.5E-06', '0.0000025'],
  ['"1E3"', '1000'],
  ['0.10', '0.1'],
  ['"007.50"', '7.5'],
  ['0', '0'],
];

const REFUSED = [
  '0.1234567890123456789',
  '"0.1234567890123456789"',
  '0.1000000000000000001',
  '1e-19',
  '"100000000000000000000"',
  '9007199254740993',
  '"1000000000000.000000000000000001"',
  '1e20',
  '-0.5',
  '"-1"',
  '"$1"',
  '"1,000"',
  '"0x10"',
  '" 1"',
  '"NaN"',
  '""',
  'true',
  '[1]',
];

describe.each(Object.entries(WAYS))('money through %s', (_, send) => {
  it.each(EXACT)('%s is recorded as %s', async (literal, cost) => {
    expect(await send(literal)).toBe(cost);
  });

  it.each(REFUSED)('%s is refused, not rounded', async (literal) => {
    expect(await send(literal)).toBeUndefined();
  });
});

it('money sums exactly: a thousand times a trillionth of a millionth', async () => {
  const { ok } = meterr();
  const { key } = await makeOrganization(meterr());
  const events = Array.from({ length: 1000 }, () => ({ ...EVENT, cost: '0.000000000000000001' }));
  await ok('POST', '/v1/usage', { key: key.secret, body: { events } });
  const { totals } = await ok<UsageSummaryAnswer>('GET', '/v1/usage', { key: key.secret });
  expect(totals.cost).toBe('0.000000000000001');
});

describe('counts', () => {
  it('up to 10^12 come back as they were sent, in both doors', async () => {
    const { ok, data } = meterr();
    const { key } = await makeOrganization(meterr());
    const body = { ...EVENT, model: 'priceless', provider: 'nobody', input_tokens: MAX_COUNT, output_tokens: 0 };
    const event = await ok<UsageEventAnswer>('POST', '/v1/usage', { body, key: key.secret });
    expect(event.input_tokens).toBe(MAX_COUNT);
    const query = 'query ($id: ID!) { usageEvent(id: $id) { inputTokens } usage { totals { inputTokens } } }';
    expect(await data(query, { id: event.id }, { key: key.secret })).toEqual({
      usageEvent: { inputTokens: MAX_COUNT },
      usage: { totals: { inputTokens: MAX_COUNT } },
    });
  });

  it('above the 32 bits of GraphQL’s Int are literals and variables alike', async () => {
    const { data } = meterr();
    const literal = `mutation { recordUsage(input: {provider: "nobody", model: "m", inputTokens: 5000000000,
      outputTokens: 0}) { totalTokens } }`;
    expect(await data(literal)).toEqual({ recordUsage: { totalTokens: 5_000_000_000 } });
  });

  it('are priced exactly however large', async () => {
    const { ok } = meterr();
    const body = { ...EVENT, input_tokens: 333_333_333_333, output_tokens: 7 };
    expect(await ok('POST', '/v1/costs/estimate', { body })).toMatchObject({ cost: '833333.3334025' });
  });

  it.each(['9007199254740992', '9007199254740993', '1e400', '1.5', '-1', '"1"', '1.0000000000000000001'])(
    '%s is refused in both doors',
    async (literal) => {
      const body = `{"provider": "openai", "model": "gpt-4o", "input_tokens": ${literal}, "output_tokens": 1}`;
      expect((await meterr().rest('POST', '/v1/usage', { body })).status).toBe(400);
      const variables = `{"input": {"provider": "openai", "model": "gpt-4o", "inputTokens": ${literal}, "outputTokens": 1}}`;
      const query = 'mutation ($input: RecordUsageInput!) { recordUsage(input: $input) { cost } }';
      expect(await sendGraphQL(`{"query": "${query}", "variables": ${variables}}`)).toBeUndefined();
    },
  );

  it('above it are refused in both doors, and the message says the limit', async () => {
    for (const input_tokens of [MAX_COUNT + 1, '9007199254740992']) {
      const body = `{"provider": "openai", "model": "gpt-4o", "input_tokens": ${input_tokens}, "output_tokens": 1}`;
      const { status, error } = await meterr().rest('POST', '/v1/usage', { body });
      const message = 'must be a whole number from 0 to 1000000000000';
      expect([status, error?.details.fields]).toEqual([400, [{ path: 'input_tokens', message }]]);
    }
    const usage = { prompt_tokens: MAX_COUNT + 1, completion_tokens: 1 };
    const raw = await meterr().rest('POST', '/v1/usage', { body: { provider: 'openai', model: 'gpt-4o', usage } });
    const message = 'must be a whole number from 0 to 1000000000000';
    expect(raw.error?.details.fields).toEqual([{ path: 'usage.prompt_tokens', message }]);
    const input = { provider: 'openai', model: 'gpt-4o', inputTokens: MAX_COUNT + 1, outputTokens: 1 };
    const query = 'mutation ($input: RecordUsageInput!) { recordUsage(input: $input) { cost } }';
    expect((await meterr().gql(query, { input })).error?.details?.fields).toEqual([{ path: 'inputTokens', message }]);
  });
});

describe('times', () => {
  it.each([
    ['2026-11-22T10:00:00Z', '2026-11-22T10:00:00.000Z'],
    ['2026-11-22t10:00:00z', '2026-11-22T10:00:00.000Z'],
    ['2026-11-22T15:30:00+05:30', '2026-11-22T10:00:00.000Z'],
    ['2026-11-22T06:30:00-03:30', '2026-11-22T10:00:00.000Z'],
    ['2026-11-22T09:59:59.999999999Z', '2026-11-22T09:59:59.999Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
    ['1970-01-01T00:00:00Z', '1970-01-01T00:00:00.000Z'],
  ])('%s is %s', async (timestamp, expected) => {
    const { ok } = meterr();
    const event = await ok<UsageEventAnswer>('POST', '/v1/usage', { body: { ...EVENT, timestamp } });
    expect(event.timestamp).toBe(expected);
  });

  it.each([
    '2026-11-22',
    '2026-11-22 10:00:00Z',
    '2026-11-22T10:00:00',
    '2026-11-22T10:00Z',
    '2026-11-22T24:00:00Z',
    '2026-11-22T10:60:00Z',
    '2026-11-22T10:00:00+5',
    '2026-11-22T10:00:00+25:00',
    '2026-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '26-11-22T10:00:00Z',
    '1795343817',
    'now',
    '',
  ])('%s is none', async (timestamp) => {
    const { status, error } = await meterr().rest('POST', '/v1/usage', { body: { ...EVENT, timestamp } });
    expect({ status, path: error?.details.fields?.[0]?.path }).toEqual({ status: 400, path: 'timestamp' });
  });

  it('a number is none either', async () => {
    expect((await meterr().rest('POST', '/v1/usage', { body: { ...EVENT, timestamp: 1795343817 } })).status).toBe(400);
  });
});

describe('an event that one door reads and the other does not', () => {
  const LONG = '0'.repeat(61);
  const PROBLEM = {
    path: 'cost',
    message: 'must be a decimal with at most 18 places and 60 characters, as a string or a number',
  };

  it('is refused alone, in the words of REST: a cost of 61 digits', async () => {
    const { rest } = meterr();
    const single = await rest('POST', '/v1/usage', { body: { ...EVENT, cost: LONG } });
    expect([single.status, single.error?.details.fields]).toEqual([400, [PROBLEM]]);
    expect(single.error?.message).toBe(`cost: ${PROBLEM.message}`);

    const events = [EVENT, { ...EVENT, cost: LONG }];
    const batch = await rest<BatchAnswer>('POST', '/v1/usage', { body: { events } });
    const lines = await rest<BatchAnswer>('POST', '/v1/usage', {
      body: events.map((event) => JSON.stringify(event)).join('\n'),
      headers: { 'content-type': 'application/x-ndjson' },
    });
    for (const { status, body } of [batch, lines]) {
      expect([status, body.created, body.invalid]).toEqual([200, 1, 1]);
      expect(body.data[1]).toMatchObject({ index: 1, status: 'invalid', error: { details: { fields: [PROBLEM] } } });
    }
  });

  it('keeps a tag and metadata under any name', async () => {
    const body = `{"provider":"openai","model":"gpt-4o","input_tokens":1,"output_tokens":1,"cost":2,
      "tags":{"__proto__":"a","toString":"b"},"metadata":{"__proto__":{"c":1}}}`;
    const { status, text } = await meterr().rest('POST', '/v1/usage', { body });
    expect(status).toBe(201);
    expect(text).toContain('"tags":{"__proto__":"a","toString":"b"}');
    expect(text).toContain('"metadata":{"__proto__":{"c":1}}');
  });
});
