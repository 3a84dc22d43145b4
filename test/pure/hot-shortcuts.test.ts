import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isStorableText } from '../../src/domain/input/check-text.ts';
import { formatTags, readTags } from '../../src/domain/input/read-tags.ts';
import { parseJson } from '../../src/platform/json.ts';

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
