import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isStorableText } from '../../src/domain/input/check-text.ts';
import { formatTags, readTags } from '../../src/domain/input/read-tags.ts';
import { parseJson } from '../../src/platform/json/json.ts';

// What the hot path decides by a quick look must come out as by the slow one.

describe('a number with more digits than a float keeps', () => {
  const digits = (min: number, max: number) =>
    fc
      .array(fc.integer({ min: 1, max: 9 }), { minLength: min, maxLength: max })
      .map((list) => list.map(String).join(''));

  it('keeps every digit, wherever in the text it stands', () => {
    const body = fc.tuple(fc.string({ maxLength: 40 }), digits(1, 20), digits(16, 30), fc.string({ maxLength: 40 }));
    fc.assert(
      fc.property(body, ([before, whole, fraction, after]) => {
        const text = `{"before":${JSON.stringify(before)},"n":${whole}.${fraction},"after":${JSON.stringify(after)}}`;
        expect(parseJson(text)).toEqual({ before, n: `${whole}.${fraction}`, after });
      }),
    );
  });

  it('is told from one whose digits all fit, at the very border', () => {
    fc.assert(
      fc.property(fc.nat(40), digits(15, 15), digits(1, 1), (spaces, kept, more) => {
        const pad = ' '.repeat(spaces);
        const fits = `${kept[0]}.${kept.slice(1)}`;
        expect(parseJson(`{${pad}"n":${fits}}`)).toEqual({ n: Number(fits) });
        expect(parseJson(`{${pad}"n":${fits}${more}}`)).toEqual({ n: fits + more });
      }),
    );
  });
});

it('a text can be stored when it is well formed and without NUL, short or long', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 100 }),
    fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 100 }).map((codes) => String.fromCharCode(...codes)),
    fc.string({ minLength: 60, maxLength: 70 }).map((start) => `${start}\0`),
  );
  fc.assert(
    fc.property(text, (given) => {
      expect(isStorableText(given)).toBe(!/\0/.test(given) && given === Buffer.from(given, 'utf8').toString('utf8'));
    }),
    { numRuns: 1_000 },
  );
});

it('tags keep any name, also those that objects have by nature', () => {
  const raw = JSON.parse('{"toString": "a", "__proto__": "b", "constructor": "c", "env": "prod"}');
  const problems: { path: string; message: string }[] = [];
  const tags = readTags(problems, raw);
  expect(problems).toEqual([]);
  expect(formatTags(tags)).toBe('{"__proto__":"b","constructor":"c","env":"prod","toString":"a"}');
  expect(readTags([], {}).toString).toBeUndefined();
});

describe('JSON', () => {
  const numeral = fc
    .tuple(
      fc.constantFrom('', '-'),
      fc.oneof(fc.constant('0'), fc.stringMatching(/^[1-9][0-9]{0,24}$/)),
      fc.option(fc.stringMatching(/^[0-9]{1,24}$/), { nil: null }),
      fc.option(fc.stringMatching(/^[eE][+-]?[0-9]{1,3}$/), { nil: null }),
    )
    .map(([sign, whole, fraction, power]) => sign + whole + (fraction ? `.${fraction}` : '') + (power ?? ''));
  // V8 13.6 takes the key "\n" for "\\" where it has just parsed an object with that one.
  const plain = fc.string({ maxLength: 20 }).filter((text) => !text.includes('\\'));
  const name = fc.oneof(fc.constantFrom('n', 'metadata', 'tags', '__proto__', 'cost'), plain);
  const { json } = fc.letrec<{ json: string }>((tie) => ({
    json: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      numeral,
      fc.oneof(fc.string({ maxLength: 40 }), numeral).map((text) => JSON.stringify(text)),
      fc.constantFrom('null', 'true', '{}', '[]'),
      fc.array(tie('json'), { maxLength: 4 }).map((items) => `[${items.join(', ')}]`),
      fc
        .array(fc.tuple(name, tie('json')), { maxLength: 4 })
        .map((entries) => `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${value}`).join(',')}}`),
    ),
  }));
  /** Beside it, every number is looked at. */
  const LONG_NUMBER = '1234567890.12345678901234567890';

  it('is read the same whether or not a quick look finds a long number in it', () => {
    fc.assert(
      fc.property(json, fc.nat(20), (text, spaces) => {
        const [slowly] = parseJson(`[${text},${LONG_NUMBER}]`) as unknown[];
        expect(parseJson(' '.repeat(spaces) + text)).toStrictEqual(slowly);
      }),
      { numRuns: 3_000 },
    );
  });

  it('that is broken is refused either way', () => {
    fc.assert(
      fc.property(json, fc.constantFrom(',', '}', '"', '01', '-'), (text, more) => {
        for (const broken of [text + more, `[${text}${more},${LONG_NUMBER}]]`]) {
          fc.pre(!canParse(broken));
          expect(() => parseJson(broken)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
        }
      }),
    );
  });

  // V8 compares the raw text of an escaped name with the name that was at its place in an object
  // before.
  it('keeps a name that is escaped, whatever names were read before it', () => {
    for (let i = 0; i < 3; i++) JSON.parse('{"tags":{"env":"prod","\\\\":"one"}}');
    expect(parseJson('{"tags":{"env":"prod","\\n":"two"}}')).toEqual({ tags: { env: 'prod', '\n': 'two' } });
  });

  it('keeps every name as it was written, escaped or not, also those of prototypes and those that come twice', () => {
    const name = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('__proto__', '\uE0000', '\\', '"', '\n', 'a:b'),
    );
    const escapeAll = (text: string) =>
      `"${Array.from({ length: text.length }, (_, i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')}"`;
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 6 }), fc.boolean(), (names, isEscaped) => {
        const pairs = names.map((one, i) => `${isEscaped ? escapeAll(one) : JSON.stringify(one)} : {"x":[${i}]}`);
        const parsed = parseJson(`{"tags":{${pairs.join(',')}}}`) as { tags: object };
        const found = Object.getOwnPropertyNames(parsed.tags);
        expect(new Set(found)).toEqual(new Set(names));
        for (const [i, one] of names.entries()) {
          expect(Object.getOwnPropertyDescriptor(parsed.tags, one)?.value).toEqual({ x: [i] });
        }
      }),
      { numRuns: 2_000 },
    );
    expect(parseJson('{"\\u0061":1,"a":2}')).toEqual({ a: 2 });
  });

  function canParse(text: string): boolean {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  }
});
