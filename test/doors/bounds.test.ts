import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createTestApp, useTestApp } from '../harness/app.ts';
import { EVENT, EVENT_INPUT, makeOrganization } from '../harness/make.ts';

// Every request has a bounded cost and a bounded answer: the figures are in docs/bounds.md. The
// same attacks, as floods against a server of its own, are in test/abuse.

const meterr = useTestApp();

const HUNDRED_KB = 100_000;
const RECORD = 'mutation ($input: RecordUsageInput!) { recordUsage(input: $input) { id } }';
const many = (count: number, one: (i: number) => string) => Array.from({ length: count }, (_, i) => one(i)).join(' ');

describe('an answer to bad input names 20 problems and the number of the others, in less than 100 KB', () => {
  const unknown = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`unknown${i}`, 1]));

  it('in GraphQL, for variables', async () => {
    for (let time = 0; time < 3; time++) {
      const { text, errors, error } = await meterr().gql(RECORD, { input: { ...EVENT_INPUT, ...unknown } });
      expect(error?.code).toBe('invalid_request');
      expect(errors?.length).toBeLessThanOrEqual(21);
      expect(text.length).toBeLessThan(HUNDRED_KB);
    }
  });

  it('in GraphQL, for the text of an operation', async () => {
    for (const query of [
      `{ ${many(5_000, (i) => `unknown${i}`)} }`,
      `{ me { ${many(3_000, (i) => `a${i}: nothing`)} } }`,
    ]) {
      const { text, errors, error } = await meterr().gql(query);
      expect(error?.code).toBe('invalid_request');
      expect(errors?.length).toBeLessThanOrEqual(21);
      expect(text.length).toBeLessThan(HUNDRED_KB);
    }
  });

  it('in REST, for fields, tags, lists and parameters', async () => {
    const { rest } = meterr();
    const numbers = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`t${i}`, i]));
    const bodies: [string, object][] = [
      ['/v1/usage', { ...EVENT, ...unknown }],
      ['/v1/usage', { ...EVENT, tags: numbers }],
      ['/v1/usage', { ...EVENT, [`x${'y'.repeat(500_000)}`]: 1 }],
      ['/v1/usage', { ...EVENT, tags: { ['k'.repeat(500_000)]: 'v' } }],
      ['/v1/budgets', { name: 'n', amount: '1', period: 'day', thresholds: Array.from({ length: 50_000 }, () => 'x') }],
    ];
    for (const [path, body] of bodies) {
      const { status, text, error } = await rest('POST', path, { body });
      expect(status).toBe(400);
      expect(text.length).toBeLessThan(HUNDRED_KB);
      expect(error?.details.fields?.length).toBeLessThanOrEqual(20);
      expect(error?.message.length).toBeLessThanOrEqual(320);
    }
    const { error } = await rest('POST', '/v1/usage', { body: { ...EVENT, ...unknown } });
    expect(error?.details).toMatchObject({ more_fields: 19_980 });
    expect(error?.message).toContain('(and 19999 more)');
  });

  it('for each item of a batch it is short where there are many, whatever they are refused for', async () => {
    const { rest, gql } = meterr();
    const tags = Object.fromEntries(Array.from({ length: 25 }, (_, i) => [`t${i}`, 'x'.repeat(300)]));
    const answers = [
      await rest('POST', '/v1/usage', { body: { events: Array.from({ length: 1_000 }, () => ({ nothing: 1 })) } }),
      await rest('POST', '/v1/usage', { body: { events: Array.from({ length: 100 }, () => ({ ...EVENT, tags })) } }),
      await rest('POST', '/v1/usage', {
        body: '{"nothing": 1, "provider": 4}\n'.repeat(10_000),
        headers: { 'content-type': 'application/x-ndjson' },
      }),
      await gql(
        'mutation ($input: RecordUsageBatchInput!) { recordUsageBatch(input: $input) { data { error { message details } } } }',
        {
          input: { events: Array.from({ length: 100 }, () => ({ ...EVENT_INPUT, tags })) },
        },
      ),
    ];
    for (const { status, text } of answers) {
      expect(status).toBe(200);
      // What stands for each item, however little is said of it, is 200 bytes.
      expect(text.length).toBeLessThan(HUNDRED_KB + 10_000 * 250);
    }
    expect(answers[0]?.text).toContain('"path":"nothing"');
    expect(answers[1]?.text.length).toBeLessThan(HUNDRED_KB);
    expect(answers[3]?.text.length).toBeLessThan(HUNDRED_KB);
  });
});

describe('an operation', () => {
  it('whose fragments spread each other is refused at once', async () => {
    const names = Array.from({ length: 16 }, (_, i) => `F${i}`);
    const spreads = names.map((name) => `...${name}`).join(' ');
    const query = `{ ...F0 } ${names.map((name) => `fragment ${name} on Query { ${spreads} }`).join(' ')}`;
    const start = performance.now();
    for (let time = 0; time < 5; time++) expect((await meterr().gql(query)).error?.code).toBe('invalid_request');
    expect(performance.now() - start).toBeLessThan(2_000);
  });

  it('has at most 50 root fields that count, aliases counted: more is 400', async () => {
    const of = (count: number) => `{ ${many(count, (i) => `b${i}: budgets { edges { node { id } } }`)} me { scopes } }`;
    for (let time = 0; time < 3; time++) {
      expect((await meterr().gql(of(50))).error).toBeUndefined();
      const { status, error } = await meterr().gql(of(51));
      expect({ status, code: error?.code }).toEqual({ status: 400, code: 'invalid_request' });
    }
  });

  it('is refused where its pages, in variables too, are larger than may be read at once', async () => {
    const query = `query ($n: Int) { ${many(45, (i) => `p${i}: usageEvents(first: $n) { edges { node { id } } }`)} }`;
    for (let time = 0; time < 3; time++) {
      expect((await meterr().gql(query, { n: 1_000 })).error?.code).toBe('invalid_request');
      expect((await meterr().gql(query, { n: 10 })).error).toBeUndefined();
    }
    expect((await meterr().gql(`{ ${many(25, (i) => `u${i}: usage { interval }`)} }`)).error?.code).toBe(
      'invalid_request',
    );
  });

  it('costs its plan as many requests as it has root fields, and is refused where the plan has less left', async () => {
    const { key } = await makeOrganization(meterr(), { plan: 'free' });
    const ask = async (query: string) => {
      const { status, headers, error } = await meterr().gql(query, null, { key: key.secret });
      return { status, left: headers.get('x-ratelimit-remaining'), code: error?.code };
    };
    const budgets = (count: number) =>
      `{ me { scopes } ${many(count, (i) => `b${i}: budgets { edges { node { id } } }`)} }`;
    expect(await ask('{ me { scopes } __typename __schema { __typename } }')).toEqual({
      status: 200,
      left: '99',
      code: undefined,
    });
    for (const left of ['89', '79', '69', '59'])
      expect(await ask(budgets(10))).toEqual({ status: 200, left, code: undefined });
    expect(await ask(budgets(50))).toEqual({ status: 200, left: '9', code: undefined });
    expect(await ask(budgets(10))).toEqual({ status: 429, left: '0', code: 'rate_limit_exceeded' });
  });
});

describe('intervals', () => {
  it.each(['hour', 'day', 'week', 'month'])('by the %s over all times are refused by arithmetic', async (interval) => {
    const start = performance.now();
    const path = `/v1/usage?interval=${interval}&start=1000-01-01T00:00:00Z&end=9999-01-01T00:00:00Z`;
    const { status, error } = await meterr().rest('GET', path);
    expect({ status, path: error?.details.fields?.[0]?.path }).toEqual({ status: 400, path: 'interval' });
    expect(performance.now() - start).toBeLessThan(500);
  });

  it('that may hold no event are not made: usage by the month over 800 years is that of today', async () => {
    const { key } = await makeOrganization(meterr(), {});
    await meterr().ok('POST', '/v1/usage', { key: key.secret, body: EVENT });
    const path = '/v1/usage?interval=month&start=1500-01-01T00:00:00Z&end=2299-01-01T00:00:00Z';
    expect(await meterr().ok('GET', path, { key: key.secret })).toMatchObject({
      totals: { requests: 1 },
      data: [{ start: '2026-11-01T00:00:00.000Z', end: '2026-12-01T00:00:00.000Z' }],
    });
  });
});

describe('JSON of more than 100 levels', () => {
  const deep = (levels: number, inside = '1') => '{"a":'.repeat(levels) + inside + '}'.repeat(levels);
  const event = (metadata: string) =>
    `{"provider":"openai","model":"gpt-4o","input_tokens":1,"output_tokens":1,"metadata":${metadata}}`;

  it('is refused for the one event that has it, however deep, and the others of its batch are recorded', async () => {
    const { rest, ok } = meterr();
    expect(await ok('POST', '/v1/usage', { body: event(deep(99)) })).toMatchObject({ metadata: { a: {} } });
    for (const metadata of [
      deep(100),
      deep(20_000),
      deep(20_000, '0.12345678901234567890'),
      deep(9_000, '{"\\u0061b":1}'),
    ]) {
      const single = await rest('POST', '/v1/usage', { body: event(metadata) });
      expect({ status: single.status, code: single.error?.code }).toEqual({ status: 400, code: 'invalid_request' });
      const batch = `{"events":[${event('{}')},${event(metadata)},${event('{}')}]}`;
      const lines = `${event('{}')}\n${event(metadata)}\n${event('{}')}`;
      const answers = [
        await ok('POST', '/v1/usage', { body: batch }),
        await ok('POST', '/v1/usage', { body: lines, headers: { 'content-type': 'application/x-ndjson' } }),
      ];
      for (const answer of answers) {
        expect(answer).toMatchObject({
          created: 2,
          invalid: 1,
          data: [{}, { error: { code: 'invalid_request' } }, {}],
        });
      }
    }
  });

  it('is refused in `usage` and in variables likewise', async () => {
    const { rest, fetch, adminKey } = meterr();
    const usage = `{"provider":"openai","model":"gpt-4o","usage":${deep(20_000)}}`;
    expect((await rest('POST', '/v1/usage', { body: usage })).error?.code).toBe('invalid_request');
    const headers = { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' };
    const variables = `{"input":{"provider":"openai","model":"gpt-4o","inputTokens":1,"outputTokens":1,"metadata":${deep(20_000)}}}`;
    const response = await fetch('/graphql', {
      method: 'POST',
      headers,
      body: `{"query":${JSON.stringify(RECORD)},"variables":${variables}}`,
    });
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'invalid_request' } }] });
    const { error } = await meterr().gql(`{ me ${'{ a '.repeat(3_000)} ${'}'.repeat(3_000)} }`);
    expect(error).toMatchObject({ code: 'invalid_request', message: expect.stringContaining('100 levels') });
  });
});

describe('a body that is not UTF-8', () => {
  const latin = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'));
  const body = (id: string) =>
    latin(`{"provider":"openai","model":"gpt-4o","input_tokens":1,"output_tokens":1,"id":"${id}"}`);

  it('is 400 on every door, so that two ids never become one', async () => {
    const { rest, fetch, adminKey } = meterr();
    const authorization = `Bearer ${adminKey}`;
    const requests: [string, string, Uint8Array<ArrayBuffer>, Record<string, string>?][] = [
      ['/v1/usage', 'application/json', body('gr\u00fcn')],
      ['/v1/usage', 'application/json', body('gr\u00f6n')],
      ['/v1/usage', 'application/x-ndjson', body('gr\u00fcn')],
      ['/v1/usage', 'application/json', new Uint8Array(gzipSync(body('gr\u00fcn'))), { 'content-encoding': 'gzip' }],
      ['/v1/teams', 'application/json', latin('{"name":"gr\u00fcn"}')],
      ['/v1/teams', 'application/json', latin('{"name":"gr\u00fcn"}'), { 'idempotency-key': 'k' }],
      ['/v1/traces', 'application/json', latin('{"resourceSpans":[],"x":"\u00fc"}')],
      ['/graphql', 'application/json', latin('{"query":"{ me { scopes } }","operationName":"\u00fc"}')],
    ];
    for (const [path, type, bytes, more] of requests) {
      const headers = { authorization, 'content-type': type, ...more };
      const response = await fetch(path, { method: 'POST', headers, body: bytes });
      expect(response.status, path).toBe(400);
      expect(await response.text()).toMatch(/UTF-8/);
    }
    expect((await rest('GET', '/v1/usage')).status).toBe(200);
  });
});

describe('the pages', () => {
  const page = { headers: { accept: 'text/html', 'accept-encoding': 'gzip' } };

  it.each(['/graphql', '/docs', '/docs/swagger-ui.css', '/docs/swagger-ui-bundle.js', '/v1/openapi.json'])(
    '%s is rendered once, and then mostly answered with 304',
    async (path) => {
      const first = await meterr().fetch(path, page);
      const etag = first.headers.get('etag') ?? '';
      expect(etag).toMatch(/^"[\w-]+"$/);
      expect(first.headers.get('content-encoding')).toBe('gzip');
      expect(first.headers.get('vary')).toBe('Accept-Encoding');
      await first.arrayBuffer();
      const again = await meterr().fetch(path, { headers: { ...page.headers, 'if-none-match': `"other", W/${etag}` } });
      expect({ status: again.status, text: await again.text() }).toEqual({ status: 304, text: '' });
      const plain = await meterr().fetch(path, {
        headers: { ...page.headers, 'accept-encoding': 'gzip;q=0, identity' },
      });
      expect({ coding: plain.headers.get('content-encoding'), etag: plain.headers.get('etag') }).toEqual({
        coding: null,
        etag,
      });
      await plain.arrayBuffer();
    },
  );

  it('GraphiQL is not there where METERR_GRAPHIQL=false', async () => {
    const { fetch, close } = await createTestApp({ env: { METERR_GRAPHIQL: 'false' } });
    const { status } = await fetch('/graphql', page);
    await close();
    expect(status).toBe(401);
  });
});

describe('Accept', () => {
  it('is obeyed by its qualities, and only its first 50 ranges are looked at', async () => {
    const { fetch, adminKey } = meterr();
    const typeFor = async (accept: string) => {
      const response = await fetch('/v1/usage/history', { headers: { authorization: `Bearer ${adminKey}`, accept } });
      await response.text();
      return response.headers.get('content-type')?.split(';', 1)[0];
    };
    expect(await typeFor('application/json, text/csv;q=0.1')).toBe('application/json');
    expect(await typeFor('text/csv;q=0.9, application/json;q=0.8')).toBe('text/csv');
    expect(await typeFor('text/*, application/json;q=0.5')).toBe('text/csv');
    expect(await typeFor('application/x-ndjson, text/csv')).toBe('application/x-ndjson');
    expect(await typeFor('text/csv;q=0, */*')).toBe('application/json');
    expect(await typeFor('image/png')).toBe('application/json');
    expect(await typeFor(`${'a/b,'.repeat(50)}text/csv`)).toBe('application/json');
  });
});

it('GET /graphql with variables or extensions that are no JSON object is 400 invalid_request', async () => {
  const { fetch, adminKey } = meterr();
  for (const search of ['variables=xx', 'variables=[]', 'extensions=%7B', 'variables=1']) {
    const path = `/graphql?query=%7Bme%7Bscopes%7D%7D&${search}`;
    const response = await fetch(path, { headers: { authorization: `Bearer ${adminKey}` } });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'invalid_request' } }] });
  }
});
