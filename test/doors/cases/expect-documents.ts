import { expect } from 'vitest';
import type { Expectation } from './expect-names-and-limits.ts';
import { type CaseRun, pick, pickList } from './run-case.ts';

/** What the OpenAPI document says of an operation, by a path in it with `/` between the names. */
function documented({ document }: CaseRun, ...names: string[]): unknown {
  return names.reduce<unknown>((inner, name) => {
    const found = (Object(inner) as Record<string, unknown>)[name];
    const reference = pick(found, '$ref');
    return typeof reference === 'string' ? pick(document, reference.slice(2).replaceAll('/', '.')) : found;
  }, document);
}

function statusesOf(run: CaseRun, path: string, method: string): string[] {
  return Object.keys(Object(documented(run, 'paths', path, method, 'responses')));
}

/** An answer in the envelope of every failure, with the id of its request. */
function expectEnvelope({ answer }: CaseRun, step: number): void {
  expect(answer(step).status).toBeGreaterThanOrEqual(400);
  expect(answer(step).error).toMatchObject({ code: expect.any(String), message: expect.any(String) });
  expect(answer(step).header('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
}

/** Reads RFC 4180. */
function readCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/g)) {
    rows.at(-1)?.push(quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'));
    if (end === '\r\n') rows.push([]);
    if (end === '') break;
  }
  return rows.filter((row) => row.length > 1);
}

/** The cells of a column of a CSV answer. */
function columnOf({ answer }: CaseRun, step: number, name: string): (string | undefined)[] {
  expect(answer(step).header('content-type')).toMatch(/^text\/csv/);
  const [head = [], ...rows] = readCsv(answer(step).text);
  return rows.map((row) => row[head.indexOf(name)]);
}

/** Groups O to X: documents, headers, and answers of other forms. */
export const DOCUMENTS: Readonly<Record<string, Expectation>> = {
  O1: (run) => {
    expect(columnOf(run, 1, 'user_id')).toEqual([expect.stringMatching(/^['\t]=HYPERLINK/)]);
  },
  P1: ({ answer }) => {
    expect(answer(1).header('content-type')).toMatch(/^application\/json/);
  },
  Q1: (run) => {
    expect(run.answer(1).status).toBe(402);
    expect(statusesOf(run, '/v1/usage', 'post')).toContain('402');
  },
  Q3: (run) => {
    expect(run.answer(0).status).toBe(201);
    const cost = documented(run, 'components', 'schemas', 'RecordUsageInput', 'properties', 'cost');
    expect(JSON.stringify(cost)).toContain('"number"');
  },
  Q5: (run) => {
    expect([run.answer(0).status, run.answer(1).status]).toEqual([400, 400]);
    expect(statusesOf(run, '/v1/me', 'get')).toContain('400');
    expect(statusesOf(run, '/v1/budgets/{id}', 'get')).toContain('400');
  },
  Q7: (run) => {
    expect(run.answer(0).status).toBe(400);
    const content = documented(run, 'paths', '/v1/traces', 'post', 'responses', '400', 'content', 'application/json');
    const names = Object.keys(Object(documented({ ...run, document: content }, 'schema', 'properties')));
    const status = documented(run, ...reference(content));
    expect(names.length > 0 ? names : Object.keys(Object(pick(status, 'properties')))).toEqual(
      expect.arrayContaining(Object.keys(Object(run.answer(0).body))),
    );
    expect(run.answer(0).body).toMatchObject({ message: expect.any(String) });
  },
  R1: (run) => expectEnvelope(run, 0),
  R3: (run) => expectEnvelope(run, 0),
  S1: ({ answer }) => {
    expect([answer(0).status, answer(1).status]).toEqual([400, 400]);
    expect(pick(answer(2).body, 'totals.requests')).toBe(0);
  },
  T1: ({ answer }) => {
    expect(pick(answer(0).body, 'data.a.id')).toBe(pick(answer(1).body, 'data.0.id'));
    expect(pick(answer(0).body, 'data.a.id')).toMatch(/^team_/);
    expect(pick(answer(0).body, 'data.b')).toBeNull();
    expect(pick(answer(0).body, 'errors.0')).toMatchObject({ path: ['b'], extensions: { code: 'conflict' } });
  },
  T3: ({ answer }) => {
    expect(pick(answer(0).body, 'data')).toEqual({ a: null, me: { scopes: ['admin'] } });
    expect(pick(answer(0).body, 'errors.0')).toMatchObject({ path: ['a'], extensions: { code: 'not_found' } });
  },
  X1: ({ answer }) => {
    expect(answer(0).status).toBe(404);
    expect(answer(0).header('x-ratelimit-limit')).toBe('100');
    expect(answer(0).header('x-ratelimit-remaining')).toBe('99');
    expect(answer(1).header('x-ratelimit-remaining')).toBe('98');
  },
  'OK-reset-s': ({ answer }) => {
    // The clock of the cases stands at noon.
    expect(Number(answer(0).header('x-ratelimit-reset'))).toBe(Date.parse('2026-11-28T13:00:00Z') / 1000);
  },
  'OK-csv': (run) => {
    expect(columnOf(run, 1, 'user_id')).toEqual(['a"b,c\r\nd']);
    expect(columnOf(run, 1, 'tags').map((cell) => JSON.parse(cell ?? ''))).toEqual([{ k: 'x"y' }]);
  },
  'OK-cost-num': ({ answer }) => {
    expect(pick(answer(0).body, 'data.recordUsage.cost')).toBe('0.100000000000000001');
  },
  'OK-page-ties': ({ answer }) => {
    const ids = [1, 2, 3].flatMap((step) => pickList(answer(step).body, 'data').map((event) => pick(event, 'id')));
    expect(new Set(ids).size).toBe(7);
    expect(ids).toHaveLength(7);
    expect(answer(3).body).toMatchObject({ has_more: false, next_cursor: null });
  },
};

/** The path of the component that a media type's schema refers to. */
function reference(content: unknown): string[] {
  return String(pick(content, 'schema.$ref') ?? '#/none')
    .slice(2)
    .split('/');
}
