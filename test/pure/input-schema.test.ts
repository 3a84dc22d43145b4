import fc from 'fast-check';
import { type GraphQLInputType, getVariableValues, isInputObjectType, parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { schema } from '../../src/graphql/schema.ts';
import { ROUTES } from '../../src/rest/app.ts';
import { snakeName } from '../../src/rest/http/case.ts';
import { wordsOf } from '../../src/rest/http/enums.ts';
import { inputReader } from '../../src/rest/http/input-schema.ts';
import { inputValues, type Spelling } from '../harness/input-values.ts';

// A body of REST is taken by a quick look where it is plainly right, else by its schema; then
// GraphQL reads it. Each must take what the one before it took, with the same value: one that
// refuses would fail a whole batch for one event, and in the words of the other door.

const REST_SPELLING: Spelling = { name: snakeName, words: wordsOf };
const bodies = [...new Set(ROUTES.flatMap(({ definition: { body } }) => body ?? []))];

/** What GraphQL makes of an input, or the first thing that it has against it. */
function readAsGraphQL(typeName: string, input: unknown): unknown {
  const [operation] = parse(`query ($input: ${typeName}!) { __typename }`).definitions;
  const definitions = operation && 'variableDefinitions' in operation ? (operation.variableDefinitions ?? []) : [];
  const { coerced, errors } = getVariableValues(schema, definitions as never, { input });
  return errors?.[0]?.message ?? coerced?.input;
}

/** What the path gives. */
const withId = (type: GraphQLInputType, input: object) =>
  isInputObjectType(type) && type.getFields().id?.type.toString() === 'ID!' ? { ...input, id: 'an id' } : input;

describe('what one reader of a body takes, the next one takes, with the same value', () => {
  it.each(bodies)('%s', (typeName) => {
    const type = schema.getType(typeName);
    if (!isInputObjectType(type)) throw new Error(`${typeName} is no input type`);
    const left = new Set(String(type.getFields().id?.type) === 'ID!' ? ['id'] : []);
    const reader = inputReader(typeName, left);
    let quick = 0;
    let long = 0;
    fc.assert(
      fc.property(inputValues(type, REST_SPELLING), (value) => {
        const body = value instanceof Object && left.has('id') && 'id' in value ? { ...value, id: undefined } : value;
        const given = JSON.parse(JSON.stringify(body));
        const accepted = reader.accept(given);
        const parsed = reader.schema.safeParse(given);
        if (accepted) {
          quick++;
          expect(parsed.error?.issues).toBeUndefined();
          expect(JSON.stringify(sorted(accepted))).toBe(JSON.stringify(sorted(parsed.data)));
        }
        if (!parsed.success) return;
        long++;
        expect(readAsGraphQL(typeName, withId(type, parsed.data))).toBeInstanceOf(Object);
      }),
      { numRuns: 1_000 },
    );
    // A test of nothing would pass too.
    expect(long).toBeGreaterThan(20);
    if (typeName === 'RecordUsageInput') expect(quick).toBeGreaterThan(20);
  });
});

/** An object whose keys are in order; what is inside a field is not touched. */
function sorted(value: unknown): unknown {
  return Object.entries(Object(value)).sort(([a], [b]) => (a < b ? -1 : 1));
}
