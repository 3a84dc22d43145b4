import fc from 'fast-check';
import {
  type GraphQLInputType,
  getOperationAST,
  getVariableValues,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  parse,
  typeFromAST,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema } from '../../src/graphql/schema.ts';
import { variablesReader } from '../../src/graphql/server/accept-variables.ts';
import { OPERATIONS } from '../harness/operations.ts';

// Variables are read by a short way where they are plainly right: what it takes, GraphQL takes, with the same value.

const texts = fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom('', '\0', 'openai', 'ü"'));
const decimals = fc.oneof(
  fc.constantFrom('0.0061', '1e-18', '1e-19', '1.5.5', '-0', '0'.repeat(61), '0'.repeat(60), '١', ' 1', '1e400'),
  fc.double(),
);
const times = fc.constantFrom(
  '2026-11-22T10:00:00Z',
  '2026-11-22T10:00:00.1234567+05:30',
  '2026-02-30T10:00:00Z',
  'yesterday',
  '',
);
const counts = fc.oneof(fc.integer(), fc.constantFrom(1.5, 2 ** 53, 2 ** 53 - 1, 2 ** 31, -1, Number.NaN));
const scalars: Record<string, fc.Arbitrary<unknown>> = {
  Decimal: decimals,
  DateTime: times,
  SafeInt: counts,
  Int: counts,
  Boolean: fc.boolean(),
  JSON: fc.jsonValue(),
};
const junk = fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>(null, undefined, [], {}, '', 0, true, [[]]));

/** Values of a type, one in ten of them of any other. */
function valuesOf(type: GraphQLInputType): fc.Arbitrary<unknown> {
  const wrong = { arbitrary: junk, weight: 1 };
  if (isNonNullType(type)) return valuesOf(type.ofType);
  if (isListType(type)) {
    const items = fc.array(valuesOf(type.ofType), { maxLength: 3 });
    return fc.oneof({ arbitrary: items, weight: 9 }, wrong);
  }
  if (isInputObjectType(type)) {
    const fields = Object.entries(type.getFields());
    const known = fc.record(Object.fromEntries(fields.map(([name, field]) => [name, valuesOf(field.type)])), {
      requiredKeys: fields.filter(([, field]) => isNonNullType(field.type)).map(([name]) => name),
    });
    const names = fc.constantFrom('colour', '__proto__', 'toString', 'constructor');
    const more = fc.oneof({ arbitrary: fc.constant([]), weight: 9 }, fc.array(fc.tuple(names, junk), { maxLength: 2 }));
    const whole = fc.tuple(known, more).map(([object, extra]) => {
      const source = Object.entries({ ...object }).concat(extra);
      // As JSON makes it: also `__proto__` is a field.
      return JSON.parse(
        `{${source.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value) ?? 'null'}`)}}`,
      );
    });
    return fc.oneof({ arbitrary: whole, weight: 19 }, wrong);
  }
  if (isEnumType(type)) {
    const names = fc.constantFrom(...type.getValues().map(({ name }) => name), 'decade', 'month');
    return fc.oneof({ arbitrary: names, weight: 9 }, wrong);
  }
  return fc.oneof({ arbitrary: scalars[type.name] ?? texts, weight: 24 }, wrong);
}

const documents = new Map([
  ...OPERATIONS.map(({ field, graphql }) => [field, graphql.query]),
  ['a default', 'query ($first: Int = 1) { prices(first: $first) { edges { cursor } } }'],
  ['a list', 'query ($g: [UsageGroupBy!], $i: UsageInterval) { usage(groupBy: $g, interval: $i) { groupBy } }'],
  ['a condition', 'query ($yes: Boolean!) { me { scopes @include(if: $yes) } }'],
] as [string, string][]);

describe('variables that the short way takes are taken by GraphQL, with the same value', () => {
  it.each([...documents])('%s', (_, text) => {
    const definitions = getOperationAST(parse(text))?.variableDefinitions ?? [];
    const read = variablesReader(schema, definitions);
    const types = definitions.map(({ variable, type }) => {
      return [variable.name.value, typeFromAST(schema, type) as GraphQLInputType] as const;
    });
    const arbitrary = fc.record(Object.fromEntries(types.map(([name, type]) => [name, valuesOf(type)])), {
      requiredKeys: types.filter(([, type]) => isNonNullType(type)).map(([name]) => name),
    });
    let taken = 0;
    fc.assert(
      fc.property(arbitrary, (given) => {
        const variables = { ...given };
        const accepted = read(variables);
        if (accepted === null) return;
        taken++;
        const { coerced, errors } = getVariableValues(schema, definitions, variables);
        expect(errors).toBeUndefined();
        // A key without a value is one that was left out.
        expect(accepted).toEqual(coerced);
      }),
      { numRuns: 500 },
    );
    // A test of nothing would pass too.
    if (!text.includes('= 1')) expect(taken).toBeGreaterThan(0);
  });
});
