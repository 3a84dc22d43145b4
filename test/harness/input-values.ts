import fc from 'fast-check';
import {
  type GraphQLEnumType,
  type GraphQLInputType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from 'graphql';

const texts = fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom('', '\0', 'openai', 'ü"'));
/** Mostly right ones, and those at the border or beyond. */
const often = (right: fc.Arbitrary<unknown>, ...border: unknown[]) =>
  fc.oneof({ arbitrary: right, weight: 12 }, { arbitrary: fc.constantFrom(...border), weight: 1 });

const decimals = often(
  fc.oneof(fc.constantFrom('0.0061', '1e-18', '-0', '0'.repeat(60)), fc.integer()),
  ...['1e-19', '1.5.5', '0'.repeat(61), '١', ' 1', '1e400', 0.1 + 0.2, 1e-19],
);
const times = often(
  fc.constantFrom('2026-11-22T10:00:00Z', '2026-11-22T10:00:00.1234567+05:30'),
  ...['2026-02-30T10:00:00Z', 'yesterday', ''],
);
const counts = often(fc.nat(), 1.5, 2 ** 53, 2 ** 53 - 1, 2 ** 31, -1);
const SCALARS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  Decimal: decimals,
  DateTime: times,
  SafeInt: counts,
  Int: counts,
  Boolean: fc.boolean(),
};
const tags = fc.dictionary(fc.oneof(fc.string({ maxLength: 4 }), fc.constantFrom('toString', 'a.b')), texts);
const json = fc.oneof(
  { arbitrary: tags, weight: 12 },
  { arbitrary: fc.constant(JSON.parse('{"__proto__":"a"}')), weight: 2 },
  fc.jsonValue(),
  fc.constantFrom({ env: 1 }, { env: null }, { deep: { tags: { a: [1] } } }),
);
const junk = fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>(null, [], {}, '', 0, true, [[]]));

/** How a door spells what it is sent. */
export interface Spelling {
  name(field: string): string;
  words(type: GraphQLEnumType): string[];
}

export const GRAPHQL_SPELLING: Spelling = {
  name: (field) => field,
  words: (type) => type.getValues().map(({ name }) => name),
};

/**
 * JSON values of a type, right ones and wrong ones: about one value in sixty is of any type at all.
 */
export function inputValues(type: GraphQLInputType, spelling: Spelling): fc.Arbitrary<unknown> {
  if (isNonNullType(type)) return inputValues(type.ofType, spelling);
  return fc.oneof({ arbitrary: rightKind(type, spelling), weight: 60 }, { arbitrary: junk, weight: 1 });
}

function rightKind(type: GraphQLInputType, spelling: Spelling): fc.Arbitrary<unknown> {
  if (isListType(type)) return fc.array(inputValues(type.ofType, spelling), { maxLength: 3 });
  if (isEnumType(type))
    return fc.constantFrom(...spelling.words(type), ...spelling.words(type), ...spelling.words(type), 'decade');
  if (!isInputObjectType(type)) return SCALARS[String(type)] ?? (String(type) === 'JSON' ? json : texts);
  const fields = Object.values(type.getFields());
  const known = fc.record(
    Object.fromEntries(fields.map((field) => [spelling.name(field.name), inputValues(field.type, spelling)])),
    { requiredKeys: fields.filter((field) => isNonNullType(field.type)).map(({ name }) => spelling.name(name)) },
  );
  const names = fc.constantFrom('colour', '__proto__', 'toString', 'constructor');
  const none: fc.Arbitrary<[string, unknown][]> = fc.constant([]);
  const more = fc.oneof({ arbitrary: none, weight: 9 }, fc.array(fc.tuple(names, junk), { maxLength: 2 }));
  // As JSON makes it: also `__proto__` is a field.
  return fc.tuple(known, more).map(([object, extra]) => {
    const entries = [...Object.entries(object), ...extra];
    return JSON.parse(`{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)}}`);
  });
}
