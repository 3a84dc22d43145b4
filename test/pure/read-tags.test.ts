import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { USAGE_LIMITS } from '../../src/domain/input/limits.ts';
import { formatTags, readMetadata, readTags } from '../../src/domain/input/read-tags.ts';
import type { FieldProblem } from '../../src/platform/errors.ts';

/** What is wrong with tags, field by field. */
function problemsOf(raw: unknown, field?: string): string[] {
  const problems: FieldProblem[] = [];
  readTags(problems, raw, field);
  return problems.map(({ path }) => path);
}

const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 'v']));

describe('tags', () => {
  it('are the same text for the same tags, in whatever order they are given', () => {
    const tags = fc.dictionary(fc.stringMatching(/^[a-z_]{1,20}$/), fc.string({ maxLength: 40 }), { maxKeys: 8 });
    fc.assert(
      fc.property(tags, fc.infiniteStream(fc.nat()), (given, order) => {
        const shuffled = Object.entries(given)
          .map((entry) => ({ entry, at: order.next().value ?? 0 }))
          .sort((a, b) => a.at - b.at)
          .map(({ entry }) => entry);
        expect(formatTags(readTags([], Object.fromEntries(shuffled)))).toBe(formatTags(readTags([], given)));
      }),
    );
  });

  it('that are missing, null or empty are none', () => {
    for (const raw of [undefined, null, {}]) {
      expect(problemsOf(raw)).toEqual([]);
      expect(formatTags(readTags([], raw))).toBeNull();
    }
  });

  it('that are no object are refused by their field', () => {
    for (const raw of ['env', 1, true, [], ['env']]) expect(problemsOf(raw, 'scope.tags')).toEqual(['scope.tags']);
  });

  it('may be as many, and as long, as the limits say, and no more', () => {
    expect(problemsOf(many(USAGE_LIMITS.tags))).toEqual([]);
    expect(problemsOf(many(USAGE_LIMITS.tags + 1))).toEqual(['tags']);
    const key = (length: number) => 'k'.repeat(length);
    expect(problemsOf({ [key(USAGE_LIMITS.tagKey)]: 'x'.repeat(USAGE_LIMITS.tagValue) })).toEqual([]);
    expect(problemsOf({ [key(USAGE_LIMITS.tagKey + 1)]: 'x' })).toEqual([`tags.${key(USAGE_LIMITS.tagKey + 1)}`]);
    expect(problemsOf({ env: 'x'.repeat(USAGE_LIMITS.tagValue + 1) })).toEqual(['tags.env']);
  });

  it('may have empty values, but no empty names', () => {
    expect(formatTags(readTags([], { env: '' }))).toBe('{"env":""}');
    expect(problemsOf({ env: '' })).toEqual([]);
    expect(problemsOf({ '': 'x' })).toEqual(['tags.']);
  });

  it('that PostgreSQL cannot store, or that are no strings, are named one by one', () => {
    const wrong = { a: 'a\0b', b: '\ud800', c: 1, d: null, e: {}, fine: 'é', 'x\0': 'y' };
    expect(problemsOf(wrong)).toEqual(['tags.a', 'tags.b', 'tags.c', 'tags.d', 'tags.e', 'tags.x\0']);
  });
});

describe('metadata', () => {
  const read = (raw: unknown) => {
    const problems: FieldProblem[] = [];
    const text = readMetadata(problems, raw);
    return { text, paths: problems.map(({ path }) => path) };
  };

  it('is kept as it is given, with its names in their order', () => {
    expect(read({ z: 1, a: { deep: [null, 'é'] } })).toEqual({ text: '{"z":1,"a":{"deep":[null,"é"]}}', paths: [] });
    expect(read(null)).toEqual({ text: null, paths: [] });
  });

  it('that is no object is refused', () => {
    for (const raw of ['x', 1, [], true]) expect(read(raw).paths).toEqual(['metadata']);
  });

  it('may have as many bytes as the limit says, letters counted by their bytes', () => {
    const ofBytes = (bytes: number) => ({ x: 'é'.repeat((bytes - 8) / 2) });
    expect(read(ofBytes(USAGE_LIMITS.metadataBytes)).paths).toEqual([]);
    expect(read(ofBytes(USAGE_LIMITS.metadataBytes + 2)).paths).toEqual(['metadata']);
  });

  it('that PostgreSQL cannot store is refused, wherever in it: NUL, or half of a pair; what only looks so is not', () => {
    for (const bad of ['\0', 'a\0', '\ud800', '\udc00x']) {
      expect(read({ deep: [{ x: bad }] }).paths).toEqual(['metadata']);
      expect(read({ [bad]: 1 }).paths).toEqual(['metadata']);
    }
    for (const good of ['\\u0000', '\\\\u0000', '\\ud800', '\ud83d\ude00', 'u0000']) {
      expect(read({ deep: [{ x: good }] }).paths).toEqual([]);
    }
  });
});
