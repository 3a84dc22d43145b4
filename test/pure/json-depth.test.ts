import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../src/platform/json/json.ts';
import { cutDeepJson, isDeeper, measureJson } from '../../src/platform/json/json-depth.ts';

const nested = (levels: number, inside = '') => '['.repeat(levels) + inside + ']'.repeat(levels);

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

function countOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce((sum: number, inner) => sum + countOf(inner), 1);
}

describe('the shape of JSON is known without parsing it', () => {
  it('its depth and its number of objects and lists, whatever strings are inside', () => {
    const json = fc.json({ maxDepth: 6 }).map((text) => text.replaceAll('k', '\\"[{'));
    fc.assert(
      fc.property(json, (text) => {
        const value: unknown = JSON.parse(text);
        expect(measureJson(text, Number.POSITIVE_INFINITY)).toEqual({ depth: depthOf(value), values: countOf(value) });
        for (let levels = 1; levels < 4; levels++) {
          expect(isDeeper(value, levels)).toBe(depthOf(value) > levels);
          const cut: unknown = JSON.parse(cutDeepJson(text, levels));
          expect(depthOf(cut)).toBe(Math.min(levels, depthOf(value)));
          if (depthOf(value) < levels) expect(cut).toEqual(value);
        }
      }),
    );
  });
});

describe('a body that nests a hundred thousand deep', () => {
  it.each([
    ['as it is', nested(100_000)],
    ['with a number that no float keeps', nested(100_000, '0.12345678901234567890')],
    ['with a name that has an escape', nested(100_000, '{"a\\n": 1}')],
  ])('is parsed, %s, and is still too deep for whoever asks', (_, deep) => {
    const value = parseJson(`{"deep": ${deep}, "cost": 0.12345678901234567890, "n\\u0061me": "x"}`);
    expect(value).toMatchObject({ cost: '0.12345678901234567890', name: 'x' });
    expect(isDeeper(value, 100)).toBe(true);
  });

  it('is not JSON where its end is missing', () => {
    expect(() => parseJson('['.repeat(100_000))).toThrow('not JSON');
    expect(() => JSON.parse(cutDeepJson('['.repeat(100_000), 100))).toThrow(SyntaxError);
  });
});
