import { describe, expect, it } from 'vitest';
import { useTestApp } from '../../harness/app.ts';
import { EVENT_COST } from '../../harness/make.ts';

const meterr = useTestApp();

async function send(init: RequestInit & { path?: string }) {
  const { path = '/graphql', headers, ...rest } = init;
  const authorization = `Bearer ${meterr().adminKey}`;
  const response = await meterr().fetch(path, { ...rest, headers: { authorization, ...headers } });
  const text = await response.text();
  const { errors } = JSON.parse(text) as { errors?: { extensions: { code: string } }[] };
  return { status: response.status, code: errors?.[0]?.extensions.code, headers: response.headers, text };
}

const JSON_TYPE = { 'content-type': 'application/json' };

it('the mutation and the query of the contract give what it says', async () => {
  const { data } = meterr();
  const mutation = `mutation { recordUsage(input: {provider: "openai", model: "gpt-4o", inputTokens: 1000,
    outputTokens: 500}) { id cost costSource } }`;
  expect(await data(mutation)).toEqual({
    recordUsage: { id: expect.stringMatching(/^usage_/), cost: EVENT_COST, costSource: 'CATALOG' },
  });
  const query = `query { usage(interval: DAY, groupBy: [{dimension: MODEL}], timezone: "Asia/Kolkata") {
    totals { requests cost } data { start group { key value } cost } } }`;
  expect(await data(query)).toEqual({
    usage: {
      totals: { requests: 1, cost: EVENT_COST },
      data: [{ start: '2026-11-21T18:30:00.000Z', group: [{ key: 'model', value: 'gpt-4o' }], cost: EVENT_COST }],
    },
  });
});

describe('a request that is no GraphQL', () => {
  it.each<[string, RequestInit, number, string]>([
    ['malformed JSON', { method: 'POST', headers: JSON_TYPE, body: '{"query": ' }, 400, 'invalid_request'],
    ['an empty body', { method: 'POST', headers: JSON_TYPE, body: '' }, 400, 'invalid_request'],
    ['a list', { method: 'POST', headers: JSON_TYPE, body: '[]' }, 400, 'invalid_request'],
    [
      'no query',
      { method: 'POST', headers: { ...JSON_TYPE, accept: 'application/graphql-response+json' }, body: '{}' },
      400,
      'invalid_request',
    ],
    [
      'a form',
      { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'query={me{scopes}}' },
      415,
      'unsupported_media_type',
    ],
    [
      'plain text',
      { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '{"query": "{ me { scopes } }"}' },
      415,
      'unsupported_media_type',
    ],
    ['another method', { method: 'PUT', headers: JSON_TYPE, body: '{}' }, 405, 'method_not_allowed'],
    [
      'too large',
      { method: 'POST', headers: JSON_TYPE, body: JSON.stringify({ query: '{ me { scopes } }'.padEnd(1_100_000) }) },
      413,
      'payload_too_large',
    ],
  ])('%s', async (_, init, status, code) => {
    const answer = await send(init);
    expect({ status: answer.status, code: answer.code }).toEqual({ status, code });
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    if (status === 405) expect(answer.headers.get('allow')).toBe('GET, POST');
  });

  it('too large and of no declared length', async () => {
    const chunk = new Uint8Array(65_536).fill(0x20);
    let left = 40;
    const body = new ReadableStream({
      pull: (controller) => (left-- > 0 ? controller.enqueue(chunk) : controller.close()),
    });
    const answer = await send({ method: 'POST', headers: JSON_TYPE, body });
    expect({ status: answer.status, code: answer.code }).toEqual({ status: 413, code: 'payload_too_large' });
  });
});

it('a mutation by GET is refused, and does nothing', async () => {
  const { sql } = meterr();
  const count = async () => (await sql.query('SELECT count(*) FROM usage_events')).rows[0].count;
  const before = await count();
  const query = 'mutation{recordUsage(input:{provider:"openai",model:"gpt-4o",inputTokens:1,outputTokens:1}){id}}';
  const answer = await send({ path: `/graphql?query=${encodeURIComponent(query)}` });
  expect(answer.status).toBe(405);
  expect(await count()).toBe(before);
});

it('a page of another site cannot make a browser send an operation: forms and plain text are refused', async () => {
  for (const type of ['text/plain', 'multipart/form-data; boundary=x', 'application/x-www-form-urlencoded']) {
    const answer = await send({ method: 'POST', headers: { 'content-type': type }, body: '{"query":"{me{scopes}}"}' });
    expect(answer.status).toBe(415);
  }
});

it('an operation that is too deep, too large or of too many tokens is refused before it runs', async () => {
  const { gql } = meterr();
  const deep = `{ ${'node(id: "x") { ... on ApiKey { team { id } } } '.repeat(1)} }`.replace(
    'team { id }',
    `team { ${'... on Team { '.repeat(3)} id ${'}'.repeat(3)} }`,
  );
  expect((await gql(deep)).error?.code).not.toBe('internal_error');
  const introspection = `{ __schema { types { ${'fields { type { '.repeat(10)} name ${'} }'.repeat(10)} } } }`;
  const wide = `{ ${Array.from({ length: 60 }, (_, i) => `a${i}: usageEvents(first: 1000) { edges { node { id } } }`).join(' ')} }`;
  const long = `{ me { ${'scopes '.repeat(11_000)} } }`;
  for (const query of [introspection, wide, long]) {
    const { error } = await gql(query);
    expect(error?.code).toBe('invalid_request');
  }
});

it('an error keeps the path of its field, and fields beside it keep their answers', async () => {
  const { gql } = meterr();
  const { data, errors } = await gql('{ me { scopes } node(id: "nonsense") { id } }');
  expect(data).toEqual({ me: { scopes: ['admin'] }, node: null });
  expect(errors).toMatchObject([{ path: ['node'], extensions: { code: 'not_found' } }]);
});
