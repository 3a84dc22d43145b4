import { buildSchema, getIntrospectionQuery, parse, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { QUERY_LIMITS, queryLimitsRule } from '../../src/graphql/server/query-limits.ts';

const schema = buildSchema(`
  type Query { node: Node, many(first: Int, limit: Int, other: Int): [Node!]! }
  type Node { id: ID!, node: Node, many(first: Int, limit: Int, other: Int): [Node!]! }
`);

/** What the rule refuses, in its own words. */
function refusals(query: string): string[] {
  return validate(schema, parse(query), [queryLimitsRule]).map(({ message }) => message);
}

const TOO_DEEP = [`The operation is deeper than ${QUERY_LIMITS.depth} levels.`];
const TOO_MUCH = [`The operation asks for more than ${QUERY_LIMITS.cost} fields.`];
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

  it('may select as many fields as the limit says, those of lists times the size of their page', () => {
    // 1 + 500 * (1 + 98 * 1) fields, and a few more.
    const of = (first: number) => `{ many(first: 500) { many(first: ${first}) { id } } }`;
    expect(refusals(of(98))).toEqual([]);
    expect(refusals(of(99))).toEqual(TOO_MUCH);
    expect(refusals('{ many(limit: 50000) { id } }')).toEqual(TOO_MUCH);
    expect(refusals('{ many(first: 49999) { id } }')).toEqual([]);
    expect(refusals('{ many(other: 50001) { id } }')).toEqual([]);
  });

  it('with the size of a page in a variable counts as a full page', () => {
    const of = (fields: number) =>
      `query ($n: Int) { many(first: $n) { many(first: $n) { ${Array.from({ length: fields }, (_, i) => `f${i}: id`)} } } }`;
    expect(refusals(of(4))).toEqual([]);
    expect(refusals(of(5))).toEqual(TOO_MUCH);
  });

  it('cannot make a page cheaper than one item by asking for none, or fewer', () => {
    const fields = Array.from({ length: 300 }, (_, i) => `f${i}: id`).join(' ');
    for (const first of [0, -1_000]) {
      expect(refusals(`{ many(first: ${first}) { many(first: 200) { ${fields} } } }`)).toEqual(TOO_MUCH);
    }
  });

  it('pays for a fragment each time that it is used', () => {
    const fragment = 'fragment F on Node { many(first: 10000) { id } }';
    const uses = (count: number) => Array.from({ length: count }, (_, i) => `n${i}: node { ...F }`).join(' ');
    expect(refusals(`{ ${uses(4)} } ${fragment}`)).toEqual([]);
    expect(refusals(`{ ${uses(5)} } ${fragment}`)).toEqual(TOO_MUCH);
  });

  it('with a fragment inside itself is measured in finite time, and left to the rule that refuses it', () => {
    expect(
      refusals('{ node { ...A } } fragment A on Node { node { ...B } } fragment B on Node { node { ...A } }'),
    ).toEqual([]);
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
