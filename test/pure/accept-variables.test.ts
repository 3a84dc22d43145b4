import fc from 'fast-check';
import {
  type GraphQLInputType,
  getOperationAST,
  getVariableValues,
  isNonNullType,
  parse,
  print,
  typeFromAST,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema } from '../../src/graphql/schema.ts';
import { variablesReader } from '../../src/graphql/server/accept-variables.ts';
import { ROUTES } from '../../src/rest/app.ts';
import { GRAPHQL_SPELLING, inputValues } from '../harness/input-values.ts';
import { OPERATIONS } from '../harness/operations.ts';

// Variables are read by a short way where they are plainly right: what it takes, GraphQL takes,
// with the same value.

const documents = new Map([
  ...ROUTES.flatMap(({ definition: { operationId, operation, others = [] } }) =>
    [...(operation ? [operation] : []), ...others].map(({ document }, i) => [
      `REST: ${operationId} ${i}`,
      print(document),
    ]),
  ),
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
    const arbitrary = fc.record(
      Object.fromEntries(types.map(([name, type]) => [name, inputValues(type, GRAPHQL_SPELLING)])),
      {
        requiredKeys: types.filter(([, type]) => isNonNullType(type)).map(([name]) => name),
      },
    );
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
