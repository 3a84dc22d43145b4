import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatCursor, PAGE_LIMIT, parseCursor, parseUuidCursor, readPageSize } from '../../src/platform/page.ts';

const key = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('\0'));
const REFUSED = expect.objectContaining({ code: 'invalid_request' });

describe('a cursor', () => {
  it('gives back the key that it was made of, whatever letters the key has', () => {
    fc.assert(
      fc.property(key, (given) => {
        expect(parseCursor('usage', formatCursor('usage', given))).toBe(given);
      }),
    );
  });

  it('can stand in a URL as it is', () => {
    fc.assert(
      fc.property(key, (given) => {
        expect(formatCursor('usage', given)).toMatch(/^[A-Za-z0-9_-]+$/);
      }),
    );
  });

  it('of another list is refused, also where one name begins with the other', () => {
    fc.assert(
      fc.property(key, fc.constantFrom('team', 'teamsx', 'usage'), (given, other) => {
        expect(() => parseCursor('teams', formatCursor(other, given))).toThrow(REFUSED);
      }),
    );
  });

  it('that nobody made is refused, and nothing but a refusal is thrown', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(() => parseCursor('usage', text)).toThrow(REFUSED);
        expect(() => parseUuidCursor('usage', text)).toThrow(REFUSED);
      }),
    );
  });

  it('with a NUL in it is refused: PostgreSQL takes no such string', () => {
    expect(() => parseCursor('usage', formatCursor('usage', 'a\0b'))).toThrow(REFUSED);
  });

  it('of a list by UUID holds a UUID, or is refused', () => {
    fc.assert(
      fc.property(fc.uuid(), key, (id, more) => {
        expect(parseUuidCursor('teams', formatCursor('teams', id))).toBe(id);
        expect(() => parseUuidCursor('teams', formatCursor('teams', id + more))).toThrow(REFUSED);
        expect(() => parseUuidCursor('teams', formatCursor('teams', more + id))).toThrow(REFUSED);
      }),
    );
  });
});

describe('the size of a page', () => {
  it('is the default where none is asked for', () => {
    expect(readPageSize(null)).toBe(PAGE_LIMIT.default);
    expect(readPageSize(undefined)).toBe(PAGE_LIMIT.default);
  });

  it('is what was asked for, from 1 to the maximum of the list', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: -1_000, max: 1_000 }), (max, first) => {
        if (first >= 1 && first <= max) expect(readPageSize(first, max)).toBe(first);
        else expect(() => readPageSize(first, max)).toThrow(REFUSED);
      }),
    );
    for (const first of [0.5, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => readPageSize(first)).toThrow(REFUSED);
  });
});
