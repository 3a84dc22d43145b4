import { buildSchema, GraphQLError, getIntrospectionQuery } from 'graphql';
import { describe, expect, it } from 'vitest';
import {
  costOfOperation,
  parseOperation,
  QUERY_LIMITS,
  validateOperation,
} from '../../src/graphql/server/query-limits.ts';

const schema = buildSchema(`
  type Query { node: Node, many(first: Int, other: Int): [Node!]!, groups(limit: Int): [Node!]!, usage(interval: Interval): Node, me: Node }
  enum Interval { HOUR DAY }
  type Node { id: ID!, node: Node, many(first: Int, other: Int): [Node!]!, groups(limit: Int): [Node!]! }
`);

/** What is refused for its size, in the words of the answer. */
function refusals(query: string, variables: Record<string, unknown> = {}): string[] {
  try {
    const document = parseOperation(query);
    const found = validateOperation(schema, document).filter(({ message }) =>
      /^The (operation|text)|^A /.test(message),
    );
    if (found.length > 0) return found.map(({ message }) => message);
    const refusal = costOfOperation(schema, document, null, variables)?.refusal;
    return refusal ? [refusal.message] : [];
  } catch (error) {
    if (error instanceof GraphQLError) return [error.message];
    throw error;
  }
}

function requestsOf(query: string): number | undefined {
  return costOfOperation(schema, parseOperation(query), null, {})?.requests;
}

const TOO_DEEP = [`The operation is deeper than ${QUERY_LIMITS.depth} levels.`];
const TOO_MUCH = [
  `The operation costs more than ${QUERY_LIMITS.cost} fields: ask for smaller pages, or for less at once.`,
];
const CYCLE = ['A fragment must not spread itself, directly or by others.'];
const nested = (levels: number, inside = 'id') =>
  `${'{ node '.repeat(levels - 1)}{ ${inside} }${' }'.repeat(levels - 1)}`;

describe('an operation', () => {
  it('may be as deep as the limit, and not a level deeper', () => {
    expect(refusals(nested(QUERY_LIMITS.depth))).toEqual([]);
    expect(refusals(nested(QUERY_LIMITS.depth + 1))).toEqual(TOO_DEEP);
  });

  it('is as deep through fragments, named or inline, as without them', () => {
    const half = QUERY_LIMITS.depth / 2;
    const fragment = (levels: number) => `fragment F on Node ${nested(levels)}`;
    expect(refusals(`${nested(half + 1, '...F')} ${fragment(half)}`)).toEqual([]);
    expect(refusals(`${nested(half + 1, '...F')} ${fragment(half + 1)}`)).toEqual(TOO_DEEP);
    expect(refusals(nested(half + 1, `... on Node ${nested(half)}`))).toEqual([]);
    expect(refusals(nested(half + 1, `... on Node ${nested(half + 1)}`))).toEqual(TOO_DEEP);
  });

  it('may select as many fields as the limit says; a row of a page weighs its fields and 5 more', () => {
    expect(refusals('{ many(first: 8333) { id } }')).toEqual([]);
    expect(refusals('{ many(first: 8334) { id } }')).toEqual(TOO_MUCH);
    expect(refusals('{ groups(limit: 49999) { id } }')).toEqual([]);
    expect(refusals('{ groups(limit: 50000) { id } }')).toEqual(TOO_MUCH);
    expect(refusals('{ many(other: 50001) { id } }')).toEqual([]);
    // 500 * (5 + 1 + n * (5 + 1))
    const of = (first: number) => `{ many(first: 500) { many(first: ${first}) { id } } }`;
    expect(refusals(of(15))).toEqual([]);
    expect(refusals(of(16))).toEqual(TOO_MUCH);
  });

  it('that names no size of a page has the default one', () => {
    const of = (fields: number) =>
      `{ many { many { many { ${Array.from({ length: fields }, (_, i) => `f${i}: id`).join(' ')} } } } }`;
    expect(refusals(of(1))).toEqual(TOO_MUCH);
    expect(refusals('{ many { many { many(first: 15) { id } } } }')).toEqual([]);
  });

  it('with the size of a page in a variable has the size that the variable holds, its default where it holds none', () => {
    const query = 'query ($n: Int) { many(first: $n) { id } }';
    expect(refusals(query, { n: 8333 })).toEqual([]);
    expect(refusals(query, { n: 8334 })).toEqual(TOO_MUCH);
    expect(refusals(query)).toEqual([]);
    expect(refusals('query ($n: Int = 8334) { many(first: $n) { id } }')).toEqual(TOO_MUCH);
    expect(refusals('query ($n: Int = 8334) { many(first: $n) { id } }', { n: 5 })).toEqual([]);
  });

  it('that sums over the ledger weighs 2,000 a sum: 24 of them are the most', () => {
    const sums = (count: number) => `{ ${Array.from({ length: count }, (_, i) => `u${i}: usage { id }`).join(' ')} }`;
    expect(refusals(sums(24))).toEqual([]);
    expect(refusals(sums(25))).toEqual(TOO_MUCH);
  });

  it('that sums by the hour weighs 5,000 more, in a variable too: 7 of them are the most', () => {
    const sums = (count: number, interval: string) =>
      `{ ${Array.from({ length: count }, (_, i) => `u${i}: usage(interval: ${interval}) { id }`).join(' ')} }`;
    expect(refusals(sums(7, 'HOUR'))).toEqual([]);
    expect(refusals(sums(8, 'HOUR'))).toEqual(TOO_MUCH);
    expect(refusals(sums(8, 'DAY'))).toEqual([]);
    const inVariable = `query ($i: Interval = HOUR) ${sums(8, '$i')}`;
    expect(refusals(inVariable, { i: 'HOUR' })).toEqual(TOO_MUCH);
    expect(refusals(inVariable)).toEqual(TOO_MUCH);
    expect(refusals(inVariable, { i: 'DAY' })).toEqual([]);
  });

  it('counts as many requests as it has root fields: aliases one by one, the same field twice once, `me` and introspection not', () => {
    expect(requestsOf('{ node { id } }')).toBe(1);
    expect(requestsOf('{ me { id } __typename __schema { __typename } }')).toBe(1);
    expect(requestsOf('{ me { id } node { id } }')).toBe(1);
    expect(requestsOf('{ a: node { id } b: node { id } node { id } node { node { id } } }')).toBe(3);
    expect(
      requestsOf('{ ...A ...A ... { c: node { id } } } fragment A on Query { a: node { id } b: node { id } }'),
    ).toBe(3);
  });

  it('cannot make a page cheaper than one item by asking for none, or fewer', () => {
    const fields = Array.from({ length: 300 }, (_, i) => `f${i}: id`).join(' ');
    for (const first of [0, -1_000]) {
      expect(refusals(`{ many(first: ${first}) { many(first: 200) { ${fields} } } }`)).toEqual(TOO_MUCH);
    }
  });

  it('pays for a fragment each time that it is used', () => {
    const fragment = 'fragment F on Node { many(first: 1999) { id } }';
    const uses = (count: number) => Array.from({ length: count }, (_, i) => `n${i}: node { ...F }`).join(' ');
    expect(refusals(`{ ${uses(4)} } ${fragment}`)).toEqual([]);
    expect(refusals(`{ ${uses(5)} } ${fragment}`)).toEqual(TOO_MUCH);
  });

  it('with a fragment inside itself is refused at once, used or not, however many paths lead around', () => {
    expect(
      refusals('{ node { ...A } } fragment A on Node { node { ...B } } fragment B on Node { node { ...A } }'),
    ).toEqual(CYCLE);
    expect(refusals('{ node { id } } fragment A on Node { ...A }')).toEqual(CYCLE);
    // 16 fragments of which each spreads all: 16^16 paths.
    const names = Array.from({ length: 16 }, (_, i) => `F${i}`);
    const spreads = names.map((name) => `...${name}`).join(' ');
    const query = `{ node { ...F0 } } ${names.map((name) => `fragment ${name} on Node { ${spreads} }`).join(' ')}`;
    const start = performance.now();
    expect(refusals(query)).toEqual(CYCLE);
    expect(performance.now() - start).toBeLessThan(100);
  });

  it('whose text nests deeper than 100 levels is refused before the parser calls itself for each of them', () => {
    const list = (levels: number) => `{ node(a: ${'['.repeat(levels)}${']'.repeat(levels)}) { id } }`;
    expect(refusals(list(QUERY_LIMITS.nesting - 2))).toEqual([]);
    const TOO_NESTED = [`The text of the operation nests deeper than ${QUERY_LIMITS.nesting} levels.`];
    expect(refusals(list(QUERY_LIMITS.nesting - 1))).toEqual(TOO_NESTED);
    expect(refusals('{'.repeat(9_000))).toEqual(TOO_NESTED);
  });

  it('may repeat fields and spread fragments 200 times, since each is compared with each', () => {
    const TOO_ALIKE = ['The operation repeats fields and spreads fragments more than 200 times.'];
    expect(refusals(`{ node { ${'id '.repeat(201)} } }`)).toEqual([]);
    expect(refusals(`{ node { ${'id '.repeat(202)} } }`)).toEqual(TOO_ALIKE);
    expect(refusals(`{ ${'node { id } '.repeat(202)} }`)).toEqual(TOO_ALIKE);
    expect(refusals(`{ ${'...F '.repeat(201)} } fragment F on Query { node { id } }`)).toEqual(TOO_ALIKE);
  });

  it('may have 10,000 tokens, and names of 100 characters', () => {
    expect(refusals(`{ ${'id '.repeat(QUERY_LIMITS.tokens)} }`)).toEqual([
      `The operation has more than ${QUERY_LIMITS.tokens} tokens.`,
    ]);
    expect(refusals(`{ ${'a'.repeat(101)}: me { id } }`)).toEqual(['A name has more than 100 characters.']);
  });

  it('that doubles at each fragment is given up early', () => {
    const LEVELS = 200;
    const fragments = Array.from(
      { length: LEVELS },
      (_, i) => `fragment F${i} on Node { a: node { ...F${i + 1} } b: node { ...F${i + 1} } }`,
    );
    const query = `{ node { ...F0 } } ${fragments.join(' ')} fragment F${LEVELS} on Node { id }`;
    expect(refusals(query).length).toBeGreaterThan(0);
  });

  it('that is introspection, as GraphiQL asks it, fits', () => {
    expect(refusals(getIntrospectionQuery({ descriptions: true, inputValueDeprecation: true }))).toEqual([]);
  });
});
