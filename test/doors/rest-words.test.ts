import fc from 'fast-check';
import { type GraphQLEnumType, isInputObjectType } from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema } from '../../src/graphql/schema.ts';
import { ROUTES } from '../../src/rest/app.ts';
import { snakeName } from '../../src/rest/http/case.ts';
import { useTestApp } from '../harness/app.ts';
import type { Failure } from '../harness/calls.ts';
import { inputValues } from '../harness/input-values.ts';
import { EVENT, makeOrganization } from '../harness/make.ts';
import { noId } from '../harness/operations.ts';

const OPERATOR_KEY = 'operator-key-of-the-tests';
const meterr = useTestApp({ env: { METERR_OPERATOR_KEY: OPERATOR_KEY } });

const REST_SPELLING = {
  name: snakeName,
  words: (type: GraphQLEnumType) => type.getValues().map(({ value }) => String(value)),
};
/** Words of GraphQL, of zod, and of JavaScript. */
const FOREIGN =
  /\$|Variable|GraphQL|non-null|cannot represent|of type|got invalid value|[Ii]nvalid input|[Ee]xpected|[Rr]eceived|undefined|NaN|\[object/;
const CAMEL = /\b[a-z]+[A-Z]\w*/;
/** Below these the caller's own spelling is kept. */
const OWN = /(^|\.)(tags|metadata|usage|units)(\.|$)/;

function requireRestWords({ message, details }: Failure): void {
  const fields = details.fields ?? [];
  // The caller's own names are in paths, which the message repeats.
  for (const { path, message: said } of fields) {
    expect(said).not.toMatch(FOREIGN);
    expect(said).not.toMatch(CAMEL);
    if (!OWN.test(path) && said !== 'is not a known field') expect(path).not.toMatch(CAMEL);
  }
  const [first] = fields;
  if (first) expect(message.startsWith(first.path ? `${first.path}: ${first.message}` : first.message)).toBe(true);
  else expect(message).not.toMatch(FOREIGN);
}

const withBody = ROUTES.filter(({ definition }) => definition.body).map(({ definition }) => definition);

describe('whatever is wrong with a body, REST names it in its own words', () => {
  it.each(withBody.map((one) => [`${one.method} ${one.path}`, one] as const))('%s', async (_, definition) => {
    const type = schema.getType(definition.body ?? '');
    if (!isInputObjectType(type)) throw new Error(`${definition.body} is not an input type`);
    const path = definition.path.replace('{id}', noId(definition.path.split('/')[2]?.replace(/s$/, '') ?? ''));
    const key = definition.operatorOnly ? OPERATOR_KEY : meterr().adminKey;
    const property = fc.asyncProperty(inputValues(type, REST_SPELLING), async (body) => {
      const { error } = await meterr().rest(definition.method.toUpperCase(), path, {
        body: JSON.stringify(body),
        key,
        headers: { 'content-type': 'application/json' },
      });
      if (error) requireRestWords(error);
    });
    await fc.assert(property, { numRuns: 150 });
  });

  it('POST /v1/usage, one event and each of a batch', async () => {
    const type = schema.getType('RecordUsageInput');
    if (!isInputObjectType(type)) throw new Error('there is no RecordUsageInput');
    const events = fc.array(inputValues(type, REST_SPELLING), { minLength: 1, maxLength: 5 });
    const property = fc.asyncProperty(events, async (bodies) => {
      const single = await meterr().rest('POST', '/v1/usage', {
        body: JSON.stringify(bodies[0]),
        headers: { 'content-type': 'application/json' },
      });
      if (single.error) requireRestWords(single.error);
      const lines = bodies.map((one) => JSON.stringify(one)).join('\n');
      const headers = { 'content-type': 'application/x-ndjson' };
      const batch = await meterr().rest<{ data: { error: Failure | null }[] }>('POST', '/v1/usage', {
        body: lines,
        headers,
      });
      for (const { error } of batch.body.data) if (error) requireRestWords(error);
    });
    await fc.assert(property, { numRuns: 150 });
  });
});

describe('whatever is wrong with a query, REST names the parameter', () => {
  it.each([
    ['/v1/usage?start=yesterday', 'start', /RFC 3339/],
    ['/v1/usage?start=2026-11-01T00:00:00+05:30', 'start', /%2B/],
    ['/v1/usage?start=2026-11-01T00:00:00.5+05:30', 'start', /%2B/],
    ['/v1/usage?start=2026-11-02T00:00:00Z&end=2026-11-01T00:00:00Z', 'end', /after start/],
    ['/v1/usage?group_by=colour', 'group_by.0', /must be one of provider, model/],
    ['/v1/usage?group_by=model,model', 'group_by', /twice/],
    ['/v1/usage?group_by=provider,model,team,user', 'group_by', /at most 3/],
    ['/v1/usage?interval=decade', 'interval', /must be one of none, hour/],
    ['/v1/usage?timezone=Mars', 'timezone', /IANA/],
    ['/v1/usage?limit=0', 'limit', /from 1 to 1000/],
    ['/v1/usage?team_id=nobody', 'team_id', /team_\.\.\./],
    ['/v1/usage?api_key_id=nobody', 'api_key_id', /key_\.\.\./],
    ['/v1/usage?colour=red', 'colour', /not a known parameter/],
    ['/v1/usage?interval=hour&start=1990-01-01T00:00:00Z', 'interval', /10000 intervals/],
    ['/v1/usage/history?limit=1001', 'limit', /from 1 to 1000/],
    ['/v1/usage/history?cursor=x', 'cursor', /cursor that this list returned/],
    ['/v1/events?cursor=x', 'cursor', /cursor that this list returned/],
    ['/v1/events?type=nothing', 'type', /must be one of usage.exceeded/],
    ['/v1/credits/ledger?cursor=x', 'cursor', /cursor that this list returned/],
    ['/v1/prices?cursor=x', 'cursor', /cursor that this list returned/],
    ['/v1/me?x=1', 'x', /not a known parameter/],
  ])('GET %s', async (path, field, message) => {
    const { status, error } = await meterr().rest('GET', path);
    expect({ status, code: error?.code }).toEqual({ status: 400, code: 'invalid_request' });
    expect(error?.details.fields).toEqual([{ path: field, message: expect.stringMatching(message) }]);
    if (error) requireRestWords(error);
  });

  it('33 tags are too many, as an event has at most 32', async () => {
    const tags = Array.from({ length: 33 }, (_, i) => `tag.k${i}=v`).join('&');
    const { status, error } = await meterr().rest('GET', `/v1/usage?${tags}`);
    expect({ status, fields: error?.details.fields }).toEqual({
      status: 400,
      fields: [{ path: 'tags', message: expect.stringContaining('at most 32') }],
    });
  });
});

describe('a message says what to do', () => {
  it.each<[string, string, unknown, string, unknown]>([
    ['a missing field', '/v1/credits/grants', {}, 'amount', 'is required'],
    ['a missing enum', '/v1/budgets', { name: 'b', amount: '1' }, 'period', 'is required'],
    ['a body that is a list', '/v1/teams', [], '', 'The body must be a JSON object.'],
    ['a number for a string', '/v1/teams', { name: 5 }, 'name', 'must be a string'],
    [
      'a count beyond the largest',
      '/v1/usage',
      { ...EVENT, input_tokens: 2 ** 53 },
      'input_tokens',
      expect.stringMatching(/^must be (a whole number from 0 to|at most) \d+$/),
    ],
    [
      'a list for a decimal',
      '/v1/credits/grants',
      { amount: [] },
      'amount',
      'must be a decimal with at most 18 places and 60 characters, as a string or a number',
    ],
    [
      'half a raise',
      '/v1/budgets',
      { name: 'b', amount: '1', period: 'day', raise_amount: '5' },
      'raise_amount',
      'must be given together with raise_until, or not at all',
    ],
  ])('%s', async (_, path, body, field, message) => {
    const { error } = await meterr().rest('POST', path, { body });
    expect(error?.details.fields).toEqual([{ path: field, message }]);
  });

  it('a line that is not JSON says so, and the lines beside it are recorded', async () => {
    const body = `${JSON.stringify(EVENT)}\n{"provider":\n"text"\n${JSON.stringify(EVENT)}\n`;
    const headers = { 'content-type': 'application/x-ndjson' };
    const answer = await meterr().rest<{ created: number; data: { error: Failure | null }[] }>('POST', '/v1/usage', {
      body,
      headers,
    });
    expect(answer.body.created).toBe(2);
    expect(answer.body.data.map(({ error }) => error?.message ?? null)).toEqual([
      null,
      expect.stringMatching(/^The line is not JSON: /),
      'The event must be a JSON object.',
      null,
    ]);
  });

  it('a span that is refused is told of in the words of REST, and OTLP keeps its own names', async () => {
    const { error } = await meterr().rest('POST', '/v1/traces', { body: { resourceSpans: 5 } });
    expect(error).toBeUndefined();
    const { text } = await meterr().rest('POST', '/v1/traces', { body: { resourceSpans: 5 } });
    expect(JSON.parse(text)).toEqual({ code: 3, message: 'resourceSpans: must be a list' });
  });
});

it('the audit log tells of a budget by the ids of the API', async () => {
  const { key } = await makeOrganization(meterr());
  const ask = <T>(method: string, path: string, body?: object) =>
    meterr().ok<T>(method, path, { key: key.secret, ...(body ? { body } : {}) });
  const team = await ask<{ id: string }>('POST', '/v1/teams', { name: 'Audited' });
  const scope = { team_id: team.id, api_key_id: key.id };
  const given = { name: 'b', amount: '1', period: 'month', scope };
  const budget = await ask<{ id: string }>('POST', '/v1/budgets', given);
  const log = await ask<{ data: { target_id: string; after: object }[] }>('GET', '/v1/audit-log');
  const entry = log.data.find(({ target_id: id }) => id === budget.id);
  expect(entry?.after).toMatchObject({ id: budget.id, scope });
  expect(JSON.stringify(entry?.after)).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-/);
});
