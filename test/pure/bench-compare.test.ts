import { describe, expect, it } from 'vitest';
import { compareSamples } from '../../bench/compare/comparison.ts';
import { compareRatios, judgeCost, measurePairs } from '../../bench/compare/pairs.ts';
import { ROWS } from '../../bench/compare/rows.ts';

describe('npm run bench -- compare', () => {
  it('the ratio is the median of the pairs, so drift that meets both versions of a round cancels out', () => {
    // The machine slows down fourfold; each round, the new version costs 10 % more.
    const pairs = [100, 130, 200, 300, 400].map((before) => ({ before, after: before * 1.1 }));
    const { lower, median, upper } = compareRatios(pairs);
    for (const value of [lower, median, upper]) expect(value).toBeCloseTo(1.1, 12);
  });

  it('the quartiles lie a quarter and three quarters along the sorted ratios, between two where need be', () => {
    const ratios = [1.4, 1.0, 1.2, 1.1];
    const pairs = ratios.map((after) => ({ before: 1, after }));
    const { lower, median, upper } = compareRatios(pairs);
    expect(lower).toBeCloseTo(1.075, 12);
    expect(median).toBeCloseTo(1.15, 12);
    expect(upper).toBeCloseTo(1.25, 12);
  });

  it('a cost fails only when its lower quartile is above the limit', () => {
    const quartiles = (lower: number, upper: number) => ({ lower, median: (lower + upper) / 2, upper });
    expect(judgeCost(quartiles(0.97, 1.02), 0.05)).toBe('yes');
    expect(judgeCost(quartiles(0.5, 0.6), 0.05)).toBe('yes');
    expect(judgeCost(quartiles(1.01, 1.05), 0.05)).toBe('yes');
    expect(judgeCost(quartiles(1.04, 1.2), 0.05)).toBe('straddles');
    expect(judgeCost(quartiles(1.05, 1.2), 0.05)).toBe('straddles');
    expect(judgeCost(quartiles(1.051, 1.2), 0.05)).toBe('no');
  });

  it('a cost that was not measured is an error, never a pass', () => {
    expect(() => judgeCost(compareRatios([]), 0.05)).toThrow('no cost');
    expect(() => judgeCost(compareRatios([{ before: 0, after: 1 }]), 0.05)).toThrow('no cost');
    expect(() => judgeCost(compareRatios([{ before: Number.NaN, after: 1 }]), 0.05)).toThrow('no cost');
  });

  it('the versions take turns at going first, and each pair is of one round', async () => {
    const order: string[] = [];
    const counted = (side: string) => async () => {
      order.push(side);
      return order.filter((one) => one === side).length;
    };
    const pairs = await measurePairs(3, { before: counted('before'), after: counted('after') });
    expect(order).toEqual(['before', 'after', 'after', 'before', 'before', 'after']);
    expect(pairs).toEqual([1, 2, 3].map((round) => ({ before: round, after: round })));
  });

  it('the verdict is of the CPU time of the server and PostgreSQL together: one may pay for the other', () => {
    const [load] = ROWS.get('single') ?? [];
    if (!load) throw new Error('no row');
    const sample = (server: number, postgres: number) => ({ server, postgres, perSecond: 1, p50Ms: 1, counted: 10 });
    const compared = (after: ReturnType<typeof sample>) =>
      compareSamples('single', load, [{ before: sample(50, 50), after }], 0.05);
    expect(compared(sample(70, 30)).verdict).toBe('yes');
    expect(compared(sample(50, 60)).verdict).toBe('no');
    expect(compared(sample(50, 60)).counted).toEqual({ before: 10, after: 10 });
  });
});
