import { expect, it } from 'vitest';
import { useTestApp } from '../../harness/app.ts';

const meterr = useTestApp();

it.each([
  ['{ usage(start: "2026-11-01") { totals { requests } } }', 'start', /RFC 3339/],
  ['{ usage(start: "2026-11-01", end: "2026-12-01T00:00:00Z") { totals { requests } } }', 'start', /RFC 3339/],
  ['{ a: usage(timezone: "UTC", end: 5) { totals { requests } } }', 'end', /RFC 3339/],
  [
    'mutation { recordUsage(input: {provider: "a", model: "b", inputTokens: 1.5, outputTokens: 1}) { id } }',
    'input.inputTokens',
    /whole number/,
  ],
  [
    'mutation { recordUsageBatch(input: {events: [{provider: "a", tags: {a: [1]}, cost: "1.5.5"}]}) { created } }',
    'input.events.cost',
    /decimal/,
  ],
  ['mutation { createBudget(input: {name: "b", period: DAY, amount: "x"}) { id } }', 'input.amount', /decimal/],
])('%s: the refusal of a literal names its argument', async (query, path, message) => {
  const { error } = await meterr().gql(query);
  expect(error?.code).toBe('invalid_request');
  expect(error?.message.startsWith(`${path}: `)).toBe(true);
  expect(error?.details.fields).toEqual([{ path, message: expect.stringMatching(message) }]);
});

it('one failed field leaves the others their answers, in queries and in mutations', async () => {
  const { data, errors } = await meterr().gql('{ a: team(id: "team_x") { id } me { scopes } }');
  expect(data).toEqual({ a: null, me: { scopes: ['admin'] } });
  expect(errors).toMatchObject([{ path: ['a'], extensions: { code: 'not_found' } }]);
  const made = await meterr().gql<{ a: { id: string }; b: null }>(
    'mutation { a: createTeam(input: {name: "g"}) { id } b: createTeam(input: {name: "g"}) { id } }',
  );
  expect(made.data).toEqual({ a: { id: expect.stringMatching(/^team_/) }, b: null });
  expect(made.errors).toMatchObject([{ path: ['b'], extensions: { code: 'conflict' } }]);
});
