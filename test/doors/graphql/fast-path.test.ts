import { describe, expect, inject, it } from 'vitest';
import { createKnownOperations } from '../../../src/graphql/server/known-operations.ts';
import { useTestApp } from '../../harness/app.ts';
import { EVENT_INPUT, makeKey, makeOrganization } from '../../harness/make.ts';

// Two ways through the server: Yoga, and the compiled short cut for what was asked before.
// `app.fetch` knows Yoga only, so it is the measure: each request is asked there, and three times
// over a socket, where from the second time on the short cut is taken. known-operations.test.ts
// asks every operation of the product; here is all that may differ around them, compared to the
// letter.
const meterr = useTestApp({ through: 'socket' });

const TIMES = 3;
/** The order of an answer's members is nobody's promise; the rest is compared to the letter. */
function inOrder(text: string): string {
  const { errors, data, ...rest } = JSON.parse(text);
  return JSON.stringify({ errors, data, ...rest });
}

/** What differs from answer to answer, whoever gives it. */
const OWN_HEADERS = new Set([
  'date',
  'x-request-id',
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
]);
const USAGE_ID = /usage_[0-9a-z]{26}/g;
const RECORD = 'mutation ($input: RecordUsageInput!) { recordUsage(input: $input) { id eventId cost costSource } }';

interface Asked {
  body: unknown;
  headers?: Record<string, string>;
  key?: string | null;
}

interface Comparable {
  status: number;
  headers: Record<string, string>;
  text: string;
}

async function read(response: Response): Promise<Comparable> {
  const named = [...response.headers].map(([name, value]) => [name.toLowerCase(), value] as const);
  const headers = Object.fromEntries(named.filter(([name]) => !OWN_HEADERS.has(name)));
  expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  const text = (await response.text()).replace(USAGE_ID, 'usage_x');
  return { status: response.status, headers, text: headers['content-type']?.includes('json') ? inOrder(text) : text };
}

function initOf({ body, headers = {}, key = meterr().adminKey }: Asked): RequestInit {
  return {
    method: 'POST',
    headers: {
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      'content-type': 'application/json',
      accept: '*/*',
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  };
}

const throughYoga = async (asked: Asked) =>
  read(await meterr().app.fetch(new Request('http://meterr.test/graphql', initOf(asked))));
const overSocket = async (asked: Asked) => read(await meterr().fetch('/graphql', initOf(asked)));

async function compare(asked: Asked): Promise<Comparable> {
  const expected = await throughYoga(asked);
  for (let time = 0; time < TIMES; time++) expect(await overSocket(asked)).toEqual(expected);
  return expected;
}

/** Whether the short cut would take it from the second time on. */
function isCompiled(query: string, operationName: string | null = null): boolean {
  const known = createKnownOperations();
  known.find(query, operationName);
  return known.find(query, operationName) !== null;
}

const deep = (levels: number) => `{ me ${'{ apiKey { team '.repeat(levels)}{ id }${' } }'.repeat(levels)} }`;
const input = (more: object) => ({ input: { ...EVENT_INPUT, ...more } });

/** Query, variables, and whether it is one that is compiled. */
const OPERATIONS: [what: string, query: string, variables?: unknown, compiled?: boolean][] = [
  ['a query', '{ me { scopes organization { id name plan } } }'],
  ['aliases', '{ a: me { s: scopes } b: me { o: organization { n: name } } }'],
  [
    'fragments, inline and named, twice',
    `{ me { ...A ... on Me { apiKey { ...K } } } again: me { ...A } }
     fragment A on Me { scopes apiKey { ...K } } fragment K on ApiKeyInfo { __typename }`,
    null,
    false,
  ],
  [
    'sums',
    '{ usage(timezone: "Asia/Kolkata", interval: DAY, groupBy: [{dimension: MODEL}]) { start totals { cost } } }',
  ],
  [
    'a query with all kinds of arguments',
    'query ($n: Int, $z: String!) { usage(limit: $n, timezone: $z) { timezone } }',
    { n: 5, z: 'UTC' },
  ],
  ['a variable left out that may be', 'query ($n: Int) { usage(limit: $n) { timezone } }', {}],
  ['a variable that is null', 'query ($n: Int) { usage(limit: $n) { timezone } }', { n: null }],
  ['a default that is taken', 'query ($z: String = "Asia/Kolkata") { usage(timezone: $z) { timezone } }', {}],
  [
    'a default that null replaces',
    'query ($z: String = "Asia/Kolkata") { usage(timezone: $z) { timezone } }',
    { z: null },
  ],
  [
    'a single value for a list',
    'query ($g: [UsageGroupBy!]) { usage(groupBy: $g) { groupBy } }',
    { g: { dimension: 'MODEL' } },
  ],
  ['an empty list', 'query ($g: [UsageGroupBy!]) { usage(groupBy: $g) { groupBy } }', { g: [] }],
  ['an enum as a variable', 'query ($i: UsageInterval) { usage(interval: $i) { interval } }', { i: 'WEEK' }],
  [
    'a variable inside an input',
    'query ($m: String) { usage(filter: {model: $m}) { totals { requests } } }',
    { m: 'gpt' },
  ],
  ['directives', 'query ($y: Boolean!) { me { scopes @include(if: $y) apiKey @skip(if: $y) { name } } }', { y: true }],
  [
    'directives the other way',
    'query ($y: Boolean!) { me { scopes @include(if: $y) apiKey @skip(if: $y) { name } } }',
    { y: false },
  ],
  ['__typename alone', '{ __typename }'],
  ['introspection', '{ __schema { types { name kind fields { name type { name ofType { name } } } } } }'],
  ['a mutation', RECORD, input({})],
  ['a mutation with a cost of 18 places', RECORD, input({ cost: '0.123456789012345678' })],
  [
    'two mutations in one, in order',
    `mutation ($a: RecordUsageInput!, $b: RecordUsageInput!) {
     a: recordUsage(input: $a) { id cost } b: recordUsage(input: $b) { id cost } }`,
    { a: EVENT_INPUT, b: EVENT_INPUT },
  ],
  ['a count beyond 32 bits', RECORD, input({ inputTokens: 5_000_000_000 })],
  [
    'JSON inside',
    'mutation ($i: RecordUsageInput!) { recordUsage(input: $i) { tags metadata } }',
    { i: { ...EVENT_INPUT, tags: { a: 'ü"' }, metadata: { z: [1, null, { y: 2 }], a: 1 } } },
  ],

  ['a refusal of the domain', RECORD, input({ provider: '' })],
  [
    'two refusals of the domain',
    'mutation ($i: RecordUsageInput!) { recordUsage(input: $i) { id } }',
    { i: { ...EVENT_INPUT, provider: '', cacheReadTokens: 9_999 } },
  ],
  [
    'one good and one bad',
    `mutation ($a: RecordUsageInput!, $b: RecordUsageInput!) {
     a: recordUsage(input: $a) { cost } b: recordUsage(input: $b) { cost } }`,
    { a: EVENT_INPUT, b: { ...EVENT_INPUT, model: '' } },
  ],
  ['nothing there', 'query ($id: ID!) { usageEvent(id: $id) { id } }', { id: 'usage_01h455vb4pex5vsknk084sn02q' }],
  ['an id that is none', '{ usageEvent(id: "hello") { id } me { scopes } }'],
  ['a bad zone, in one of two fields', '{ good: usage { timezone } bad: usage(timezone: "Mars") { timezone } }'],
  ['a page too large', '{ usageEvents(first: 1001) { edges { cursor } } }'],
  ['a bad cursor', '{ usageEvents(after: "nonsense") { edges { cursor } } }'],

  ['a variable that is missing', RECORD, {}],
  ['no variables at all', RECORD],
  ['a variable of a wrong type', RECORD, { input: 'text' }],
  ['a wrong type inside', RECORD, input({ inputTokens: 'many' })],
  ['a fraction for a count', RECORD, input({ inputTokens: 1.5 })],
  ['an unknown field inside', RECORD, input({ wrongName: 1 })],
  ['null for what must be', RECORD, input({ provider: null })],
  ['an enum that is none', 'query ($i: UsageInterval) { usage(interval: $i) { interval } }', { i: 'decade' }],
  ['a date that is none', 'query ($s: DateTime) { usage(start: $s) { start } }', { s: 'yesterday' }],
  ['a number for a text', 'query ($z: String!) { usage(timezone: $z) { timezone } }', { z: 5 }],
  ['a variable too many', '{ me { scopes } }', { nobody: 1 }],
  ['variables that are a list', '{ me { scopes } }', []],
  ['variables that are a text', '{ me { scopes } }', '{}'],

  ['an unknown field', '{ me { nothing } }', null, false],
  ['an unknown argument', '{ usage(zone: "UTC") { timezone } }', null, false],
  ['an unknown type of a variable', 'query ($a: Nothing) { me { scopes } }', {}, false],
  ['a variable that is not declared', '{ usage(timezone: $z) { timezone } }', {}, false],
  ['a syntax error', '{ me { scopes }', null, false],
  ['no text at all', '', null, false],
  ['a fragment alone', 'fragment A on Me { scopes }', null, false],
  ['a subscription', 'subscription { usageExceeded { id } }', null, false],
  ['deeper than may be', deep(10), null, false],
  [
    'larger than may be',
    `{ ${Array.from({ length: 6 }, (_, i) => `a${i}: usageEvents(first: 1000) { edges { node { id eventId provider model cost tags userId teamId requests } } }`).join(' ')} }`,
    null,
    false,
  ],
  ['of more tokens than may be', `{ ${'me { scopes } '.repeat(4_000)}}`, null, false],
  [
    'larger than may be, by a variable',
    'query ($n: Int) { usageEvents(first: $n) { edges { node { id } } } }',
    { n: 1_000_000 },
  ],
];

// Only over a socket there are two ways.
describe.runIf(inject('through') === 'socket')('the short cut answers as Yoga does', () => {
  it.each(OPERATIONS)('%s', async (_, query, variables, compiled = true) => {
    expect(isCompiled(query)).toBe(compiled);
    await compare({ body: { query, ...(variables === undefined ? {} : { variables }) } });
  });

  it.each<[string, unknown]>([
    ['an unknown member of the body', { query: '{ me { scopes } }', nothing: 1 }],
    ['extensions', { query: '{ me { scopes } }', extensions: { a: 1 } }],
    ['a null name and null variables', { query: '{ me { scopes } }', operationName: null, variables: null }],
    ['an empty name', { query: '{ me { scopes } }', operationName: '' }],
    ['a name that is a number', { query: '{ me { scopes } }', operationName: 7 }],
    ['a name of none', { query: 'query A { me { scopes } }', operationName: 'B' }],
    ['the name of the one', { query: 'query A { me { scopes } }', operationName: 'A' }],
    ['one of two', { query: 'query A { me { scopes } } query B { __typename }', operationName: 'B' }],
    ['two and no name', { query: 'query A { me { scopes } } query B { __typename }' }],
    [
      'a query beside a mutation',
      { query: `query A { __typename } ${RECORD.replace('mutation', 'mutation M')}`, operationName: 'A' },
    ],
    ['a batch', [{ query: '{ me { scopes } }' }, { query: '{ __typename }' }]],
    ['a query that is no text', { query: { me: 1 } }],
    ['no query', { variables: {} }],
    ['a text', '"{ me { scopes } }"'],
    ['no JSON', '{"query": "{ me { scopes } }"'],
    ['nothing', ''],
    ['a name given twice', '{"query": "{ nothing }", "query": "{ me { scopes } }"}'],
    ['__proto__ among the variables', '{"query": "{ me { scopes } }", "variables": {"__proto__": {"a": 1}}}'],
    [
      'money as a number with many digits',
      `{"query": ${JSON.stringify(RECORD)}, "variables": {"input": {"provider": "openai", "model": "gpt-4o", "inputTokens": 1, "outputTokens": 1, "cost": 0.123456789012345678}}}`,
    ],
    [
      'money as a number too fine',
      `{"query": ${JSON.stringify(RECORD)}, "variables": {"input": {"provider": "openai", "model": "gpt-4o", "inputTokens": 1, "outputTokens": 1, "cost": 1e-19}}}`,
    ],
  ])('the form of the body: %s', async (_, body) => {
    await compare({ body });
  });

  const QUERY = { query: 'query Own { me { scopes } }' };
  it.each<[string, Record<string, string>]>([
    ['json', { accept: 'application/json' }],
    ['json with a parameter', { accept: 'application/json; charset=utf-8' }],
    ['json among others', { accept: 'text/html, application/json;q=0.5' }],
    ['the media type of GraphQL', { accept: 'application/graphql-response+json' }],
    ['GraphQL before json', { accept: 'application/graphql-response+json, application/json;q=0.9' }],
    ['all of an application’s', { accept: 'application/*' }],
    ['html', { accept: 'text/html' }],
    ['another content type', { 'content-type': 'text/plain' }],
    ['a charset', { 'content-type': 'application/json; charset=utf-8' }],
    ['a page elsewhere', { origin: 'https://elsewhere.test' }],
  ])('the form of the request: %s', async (_, headers) => {
    await compare({ body: QUERY, headers });
    await compare({
      body: { query: 'query ($z: String!) { usage(timezone: $z) { timezone } }', variables: {} },
      headers,
    });
    await compare({ body: { query: '{ usage(timezone: "Mars") { timezone } }' }, headers });
  });

  it('who is not known, was or may not is told the same', async () => {
    const { organization } = meterr();
    const reader = await makeKey(meterr(), organization, { scopes: ['usage:read'] });
    const expired = await makeKey(meterr(), organization, { expiresAt: new Date('2026-11-01T00:00:00Z') });
    const revoked = await makeKey(meterr(), organization, { revoked: true });
    // Known first, so that nobody is refused for asking something new.
    await compare({ body: { query: RECORD, variables: input({}) } });
    const asked = { query: RECORD, variables: input({}) };
    const statuses = [];
    for (const key of [null, 'nonsense', `mtr_live_${'a'.repeat(40)}`, expired.secret, revoked.secret, reader.secret]) {
      statuses.push((await compare({ body: asked, key })).status);
    }
    expect(statuses).toEqual([401, 401, 401, 401, 401, 200]);
    await compare({ body: asked, headers: { authorization: 'Basic abc' }, key: null });
  });

  it('the plan’s limit counts both ways alike: the same headers, one less each time, and the same refusal', async () => {
    const yoga = await makeOrganization(meterr(), { plan: 'free' });
    const socket = await makeOrganization(meterr(), { plan: 'free' });
    const seen: string[] = [];
    // A hundred an hour: the last two are over it. Good ones, bad ones, and such as only Yoga can
    // tell what is wrong.
    const bodies = [
      QUERY,
      { query: '{ usage(timezone: "Mars") { timezone } }' },
      { query: 'query ($z: String!) { usage(timezone: $z) { timezone } }', variables: {} },
      { query: '{ nothing }' },
    ];
    for (let i = 0; i < 102; i++) {
      const body = bodies[i % bodies.length];
      const expected = await throughYoga({ body, key: yoga.key.secret });
      const answer = await overSocket({ body, key: socket.key.secret });
      // The windows of the two began at their own first request, and waiting is told to the second.
      for (const one of [expected, answer]) {
        expect(Number(one.headers['x-ratelimit-reset'])).toBeGreaterThan(1_700_000_000);
        delete one.headers['x-ratelimit-reset'];
        if (i >= 100) expect(Number(one.headers['retry-after'])).toBeGreaterThan(0);
        delete one.headers['retry-after'];
        one.text = one.text.replace(/"retryAfterSeconds":\d+/, '"retryAfterSeconds":1');
      }
      expect(answer).toEqual(expected);
      seen.push(`${answer.status} ${answer.headers['x-ratelimit-remaining']}`);
    }
    expect(seen[0]).toBe('200 99');
    expect(seen[99]).toMatch(/ 0$/);
    expect(seen.slice(100)).toEqual(['429 0', '429 0']);
  });

  it('a repeat of an event is told as one, and another body under its id as a conflict', async () => {
    const query = 'mutation ($input: RecordUsageInput!) { recordUsage(input: $input) { id eventId duplicate cost } }';
    await overSocket({ body: { query, variables: input({ id: 'of the short cut' }) } });
    const repeat = await compare({ body: { query, variables: input({ id: 'of the short cut' }) } });
    expect(repeat.text).toContain('"duplicate":true');
    const conflict = await compare({ body: { query, variables: input({ id: 'of the short cut', outputTokens: 1 }) } });
    expect(conflict.text).toContain('idempotency_conflict');
  });
});
