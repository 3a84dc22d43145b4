import { describe, expect, it } from 'vitest';
import { findCountProblems } from '../../../src/domain/pricing/price/check-counts.ts';
import { countsOf, SUMMED_COUNTS, USAGE_COUNTS } from '../../../src/domain/pricing/price/usage-counts.ts';
import { rollUpRows } from '../../../src/domain/usage/write/roll-up-rows.ts';
import { counts } from './pricing-counts.ts';

// What the hot path writes out, count by count, must agree with the table of counts.

describe.each(USAGE_COUNTS)('$field', ({ field, partOf }) => {
  it('is refused where it is not a whole number from 0 to 10^12', () => {
    for (const bad of [-1, 0.5, Number.NaN, 2 ** 53, 10 ** 12 + 1]) {
      expect(findCountProblems(counts({ [field]: bad }))).toMatchObject([{ path: field }]);
    }
  });

  it('is refused above the total that includes it, and taken below', () => {
    const totals = countsOf({
      inputTokens: 9,
      outputTokens: 9,
      cacheWriteTokens: partOf === 'cacheWriteTokens' ? 9 : 0,
    });
    expect(findCountProblems({ ...totals, [field]: 9 })).toEqual([]);
    expect(findCountProblems({ ...totals, [field]: 10 })).toMatchObject(
      partOf === null ? [] : [{ path: field, message: expect.stringContaining(partOf) }],
    );
  });

  it('is kept where it is given', () => {
    expect(countsOf({ [field]: 7 })).toEqual({ ...countsOf({}), [field]: 7 });
  });
});

it('rollups sum each count that the table says they keep', () => {
  const given = countsOf(Object.fromEntries(USAGE_COUNTS.map(({ field }, index) => [field, index + 1])));
  const event = { ...given, organizationId: 'o', timeMs: 0, requests: 1 };
  const [sum] = rollUpRows([
    { event, seriesId: 1, costAtto: null, unpricedChange: null },
    { event, seriesId: 1, costAtto: null, unpricedChange: null },
  ]);
  expect(SUMMED_COUNTS.map(({ field }) => sum?.[field])).toEqual(SUMMED_COUNTS.map(({ field }) => 2 * given[field]));
});
