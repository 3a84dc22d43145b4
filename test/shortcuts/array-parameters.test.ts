import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ALL_TIME } from '../../src/domain/budgets/budget.ts';
import * as literal from '../../src/platform/postgres/array-literal.ts';
import * as binary from '../../src/platform/postgres/binary-array.ts';
import { useTestDomain } from '../harness/domain.ts';

/** The same list as PostgreSQL's documentation writes it, every element in quotes. */
function quotedArray(values: readonly (string | null)[]): string {
  const quoted = values.map((value) => (value === null ? 'NULL' : `"${value.replace(/["\\]/g, '\\$&')}"`));
  return `{${quoted.join(',')}}`;
}

// Arrays that are written by hand, against what PostgreSQL makes of them: one by one, and beside
// the other form.

const domain = useTestDomain();
const RUNS = { numRuns: 200 };

const listOf = <T>(item: fc.Arbitrary<T>) => fc.array(fc.option(item, { freq: 4 }), { maxLength: 12 });
const extremes = (min: number, max: number) =>
  listOf(fc.oneof(fc.integer({ min, max }), fc.constantFrom(min, max, min + 1, max - 1, 0, -1, 1)));
const storable = (text: string) => text.isWellFormed() && !text.includes('\0');
/** Letters of one to four bytes, and all that means something inside an array literal. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }).filter(storable),
  fc.string({ unit: fc.constantFrom('"', '\\', '{', '}', ',', "'", ' ', '\n', 'é', '漢', '😀', 'a'), maxLength: 12 }),
  fc.constantFrom('', 'NULL', 'null', '{}', '{NULL}', '\\N', '\\"', ' a ', '\u2028'),
);

/** The elements of the array, as PostgreSQL itself prints each. */
async function elementsOf(array: Buffer | string, type: string): Promise<(string | null)[]> {
  const { rows } = await domain().sql.query<{ element: string | null }>(
    `SELECT a.element::text AS element FROM unnest($1::${type}[]) WITH ORDINALITY AS a(element, n) ORDER BY n`,
    [array],
  );
  return rows.map(({ element }) => element);
}

/**
 * What goes in comes out, and the array is the same to PostgreSQL as the one that it makes of a
 * literal.
 */
async function expectElements(
  array: Buffer,
  type: string,
  expected: readonly (string | null)[],
  asLiteral: string,
): Promise<void> {
  expect(await elementsOf(array, type)).toEqual(expected);
  const { rows } = await domain().sql.query(
    `SELECT $1::${type}[] IS NOT DISTINCT FROM $2::${type}[] AS same, array_ndims($1::${type}[]) AS dimensions`,
    [array, asLiteral],
  );
  expect(rows).toEqual([{ same: true, dimensions: expected.length === 0 ? null : 1 }]);
}

describe('a binary array', () => {
  it.each([
    ['smallint', binary.int2Array, extremes(-(2 ** 15), 2 ** 15 - 1)],
    ['int', binary.int4Array, extremes(-(2 ** 31), 2 ** 31 - 1)],
    ['bigint', binary.int8Array, extremes(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)],
  ] as const)('of %s holds each number that the type and a float have, to the extremes, and NULL', async (...args) => {
    const [type, encode, numbers] = args;
    await fc.assert(
      fc.asyncProperty(numbers, async (values) => {
        const expected = values.map((value) => (value === null ? null : String(value)));
        await expectElements(encode(values), type, expected, literal.plainArray(values));
      }),
      RUNS,
    );
  });

  it('of timestamptz holds each millisecond that an event can be of, each second that a period can begin at, and NULL', async () => {
    const between = (min: string, max: string) =>
      fc.date({ min: new Date(min), max: new Date(max), noInvalidDate: true });
    const event = between('1970-01-01T00:00:00Z', '2284-12-31T23:59:59.999Z');
    const period = between('1715-01-01T00:00:00Z', '9999-12-31T00:00:00Z').map((date) => {
      return new Date(Math.floor(date.getTime() / 1_000) * 1_000);
    });
    const times = listOf(fc.oneof(event, period, fc.constantFrom(new Date(0), new Date(ALL_TIME.endMs))));
    await fc.assert(
      fc.asyncProperty(times, async (values) => {
        const array = binary.timeArray(values.map((value) => value?.getTime() ?? null));
        const { rows } = await domain().sql.query<{ element: string | null }>(
          `SELECT to_char(element AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') AS element
             FROM unnest($1::timestamptz[]) WITH ORDINALITY AS a(element, n) ORDER BY n`,
          [array],
        );
        const expected = values.map((value) => value?.toISOString().replace('Z', '000') ?? null);
        expect(rows.map(({ element }) => element)).toEqual(expected);
      }),
      RUNS,
    );
  });

  it('of uuid holds each UUID, in either case, and NULL', async () => {
    const uuids = listOf(fc.uuid().chain((id) => fc.constantFrom(id, id.toUpperCase())));
    await fc.assert(
      fc.asyncProperty(uuids, async (values) => {
        const expected = values.map((value) => value?.toLowerCase() ?? null);
        await expectElements(binary.uuidArray(values), 'uuid', expected, literal.plainArray(values));
      }),
      RUNS,
    );
  });

  it('of text holds each text: quotes, backslashes, braces, letters of any length, the empty one, and NULL', async () => {
    await fc.assert(
      fc.asyncProperty(listOf(text), async (values) => {
        await expectElements(binary.textArray(values), 'text', values, quotedArray(values));
      }),
      RUNS,
    );
  });

  it('of bytea holds each byte, and the empty string of them', async () => {
    const bytes = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(bytes, async (values) => {
        const buffers = values.map((value) => Buffer.from(value));
        const hex = buffers.map((value) => `\\x${value.toString('hex')}`);
        const array = binary.byteaArray(buffers.map((value) => value.toString('latin1')));
        await expectElements(array, 'bytea', hex, quotedArray(hex));
      }),
      RUNS,
    );
  });

  it('of jsonb holds each value as PostgreSQL reads it from text, and NULL', async () => {
    // V8 13.6 takes the key "\n" for "\\" where it has just parsed an object with that one.
    const key = text.filter((name) => !name.includes('\\'));
    const objects = listOf(fc.dictionary(key, fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null))));
    await fc.assert(
      fc.asyncProperty(objects, async (values) => {
        const texts = values.map((value) => (value === null ? null : JSON.stringify(value)));
        const elements = await elementsOf(binary.jsonbArray(texts), 'jsonb');
        expect(elements).toEqual(await elementsOf(quotedArray(texts), 'jsonb'));
        expect(elements.map((element) => element && JSON.parse(element))).toEqual(values);
      }),
      RUNS,
    );
  });

  it('of a thousand elements is as good as one of few', async () => {
    const numbers = Array.from({ length: 1_000 }, (_, i) => (i % 7 === 0 ? null : i * 2 ** 33 - 2 ** 40));
    const expected = numbers.map((value) => (value === null ? null : String(value)));
    await expectElements(binary.int8Array(numbers), 'bigint', expected, literal.plainArray(numbers));
    const texts = numbers.map((value) => (value === null ? null : `漢"\\${value}`));
    await expectElements(binary.textArray(texts), 'text', texts, quotedArray(texts));
  });
});

describe('an array literal', () => {
  it('of decimals keeps every digit, and NULL', async () => {
    const decimal = fc
      .tuple(fc.bigInt({ min: 1n - 10n ** 20n, max: 10n ** 20n - 1n }), fc.stringMatching(/^[0-9]{18}$/))
      .map(([whole, fraction]) => `${whole}.${fraction}`);
    await fc.assert(
      fc.asyncProperty(listOf(decimal), async (values) => {
        const elements = await elementsOf(literal.plainArray(values), 'numeric(38,18)');
        expect(elements).toEqual(values.map((value) => value?.replace(/^-0\.0*$/, (zero) => zero.slice(1)) ?? null));
      }),
      RUNS,
    );
  });

  it('of whole numbers beyond what a float keeps, as BigInts, keeps every digit', async () => {
    await fc.assert(
      fc.asyncProperty(listOf(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })), async (values) => {
        const elements = await elementsOf(literal.plainArray(values), 'bigint');
        expect(elements).toEqual(values.map((value) => value?.toString() ?? null));
      }),
      RUNS,
    );
  });
});
