import { expect, it } from 'vitest';
import { checkDocumented } from '../harness/documented-answers.ts';

const HEADERS = { 'content-type': 'application/json', 'x-request-id': '0193b1d2-0000-7000-8000-000000000000' };
const CREDITS = { mode: 'none', granted: '0', used: '0', held: '0', expired: '0', available: '0' };
const RIGHT = { method: 'GET', path: '/v1/credits', status: 200, headers: HEADERS, body: CREDITS as object };

function check(wrong: Partial<Omit<typeof RIGHT, 'headers'>> & { headers?: Record<string, string> }): void {
  const { body, headers, ...rest } = { ...RIGHT, ...wrong };
  checkDocumented({ ...rest, headers: new Headers(headers), text: JSON.stringify(body) });
}

it('an answer that is documented passes', () => {
  check({});
  check({ path: '/v1/nothing', status: 404 });
  const error = { code: 'not_found', message: 'There is no budget with this id.', details: {} };
  check({ path: '/v1/budgets/budget_x', status: 404, body: { error } });
});

it.each<[string, Parameters<typeof check>[0], RegExp]>([
  ['another status', { status: 418 }, /undocumented status/],
  ['another media type', { headers: { ...HEADERS, 'content-type': 'text/plain' } }, /content type text\/plain/],
  ['an unknown header', { headers: { ...HEADERS, 'x-secret': '1' } }, /header x-secret/],
  ['no request id', { headers: { 'content-type': 'application/json' } }, /lacks the header X-Request-Id/],
  ['a wrong header', { headers: { ...HEADERS, 'x-ratelimit-limit': 'many' } }, /X-RateLimit-Limit: many/],
  ['a missing field', { body: { ...CREDITS, used: undefined } }, /used/],
  ['an unknown field', { body: { ...CREDITS, secret: 1 } }, /additional properties/],
  ['a number for a string', { body: { ...CREDITS, used: 0 } }, /string/],
  ['an error of another form', { status: 403, body: { message: 'no' } }, /error/],
  ['an unknown code', { status: 403, body: { error: { code: 'no', message: '', details: {} } } }, /allowed values/],
])('every answer of the door tests is held to openapi.json: %s is refused', (_, wrong, problem) => {
  expect(() => check(wrong)).toThrow(problem);
});
