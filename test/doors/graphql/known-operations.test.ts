import { expect, it } from 'vitest';
import { useTestApp } from '../../harness/app.ts';
import type { GraphQLAnswer } from '../../harness/calls.ts';
import { makeKey } from '../../harness/make.ts';
import { NO_USAGE_ID, OPERATIONS } from '../../harness/operations.ts';

// Over a socket, an operation that was asked before takes a compiled short cut past the full
// server. Nobody may tell.
const meterr = useTestApp({ through: 'socket' });

const ASKED_OFTEN = 4;
const VOLATILE = /usage_[0-9a-z]{26}/g;

function comparable({ status, data, errors, headers }: GraphQLAnswer<unknown>) {
  const body = JSON.parse(JSON.stringify({ data, errors }).replace(VOLATILE, 'usage_x'));
  for (const error of body.errors ?? []) delete error.locations;
  return { status, type: headers.get('content-type'), ...body };
}

/** Asked again, these rightly make another thing, or find that its name is taken. */
const MAKES_ANOTHER = /^(create|grant)/;
const RECORD = 'mutation ($input: RecordUsageInput!) { recordUsage(input: $input) { id cost } }';
const asked: [string, string, object?][] = [
  ...OPERATIONS.filter(({ field }) => !MAKES_ANOTHER.test(field)).map(
    ({ field, graphql }): [string, string, object?] => [field, graphql.query, graphql.variables],
  ),
  ['aliases and fragments', '{ a: me { ...F } b: me { scopes } } fragment F on Me { apiKey { name team { id } } }'],
  ['__typename', '{ __typename me { __typename organization { __typename id } } }'],
  ['introspection', '{ __schema { queryType { name } } __type(name: "Decimal") { kind description } }'],
  [
    '@include and @skip',
    'query ($yes: Boolean!) { me { scopes @include(if: $yes) rateLimit @skip(if: $yes) { limit } } }',
    { yes: true },
  ],
  ['a default of a variable', 'query ($first: Int = 1) { prices(first: $first) { edges { cursor } } }'],
  ['nothing there', 'query ($id: ID!) { usageEvent(id: $id) { id } }', { id: NO_USAGE_ID }],
  ['a node that is none', '{ node(id: "hello") { id } me { scopes } }'],
  ['a missing variable', RECORD, {}],
  ['a wrong variable', RECORD, { input: { provider: 1 } }],
  ['an unknown variable', '{ me { scopes } }', { extra: 1 }],
  [
    'an unknown field in a variable',
    RECORD,
    { input: { provider: 'a', model: 'b', inputTokens: 1, outputTokens: 1, no: 1 } },
  ],
  ['an input the domain refuses', RECORD, { input: { provider: '', model: 'b', inputTokens: 1, outputTokens: 1 } }],
  ['an unknown field', '{ nothing }'],
  ['a syntax error', '{ me {'],
];

it.each(asked)('%s: the answer is the same the first time and ever after', async (_, query, variables) => {
  const { gql } = meterr();
  const first = comparable(await gql(query, variables));
  for (let i = 1; i < ASKED_OFTEN; i++) expect(comparable(await gql(query, variables))).toEqual(first);
});

it('a known operation still asks who it is, what they may, and counts them', async () => {
  const { gql, organization } = meterr();
  const query = '{ usage { totals { requests } } }';
  for (let i = 0; i < ASKED_OFTEN; i++) expect((await gql(query)).status).toBe(200);
  expect((await gql(query, null, { key: null })).status).toBe(401);
  const { secret } = await makeKey(meterr(), organization, { scopes: ['usage:write'] });
  expect((await gql(query, null, { key: secret })).error?.code).toBe('insufficient_permissions');
});

it('two operations in one text stay two', async () => {
  const { fetch, adminKey } = meterr();
  const query = 'query A { me { scopes } } query B { me { apiKey { name } } }';
  const ask = async (operationName?: string) => {
    const headers = { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' };
    const response = await fetch('/graphql', {
      method: 'POST',
      headers,
      body: JSON.stringify({ query, operationName }),
    });
    return response.text();
  };
  for (let i = 0; i < ASKED_OFTEN; i++) {
    expect(await ask('A')).toBe('{"data":{"me":{"scopes":["admin"]}}}');
    expect(await ask('B')).toBe('{"data":{"me":{"apiKey":{"name":"Owner"}}}}');
    expect(await ask()).toContain('invalid_request');
    expect(await ask('C')).toContain('invalid_request');
  }
});

it('the name of an operation is never taken for a part of a text, nor a text for a name', async () => {
  const { fetch, adminKey } = meterr();
  const headers = { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' };
  const ask = async (query: string, operationName?: string) => {
    const response = await fetch('/graphql', {
      method: 'POST',
      headers,
      body: JSON.stringify({ query, operationName }),
    });
    return response.text();
  };
  const text = '{ me { scopes } }';
  const answer = '{"data":{"me":{"scopes":["admin"]}}}';
  // Each is known before the next one is asked.
  for (let i = 0; i < ASKED_OFTEN; i++) expect(await ask(`query\n${text}`)).toBe(answer);
  // There is no operation of that name.
  for (let i = 0; i < ASKED_OFTEN; i++) expect(await ask(text, 'query')).toContain('invalid_request');
  for (let i = 0; i < ASKED_OFTEN; i++) expect(await ask(`query A ${text}`, 'A')).toBe(answer);
  expect(await ask(`\u00001 Aquery A ${text}`)).toContain('invalid_request');
});
