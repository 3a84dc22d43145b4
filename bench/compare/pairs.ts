import { quantile } from '../harness/statistics.ts';

/** What one round saw of both versions. */
export interface Pair<T> {
  before: T;
  after: T;
}

export interface Quartiles {
  lower: number;
  median: number;
  upper: number;
}

/**
 * Whether a cost stayed within its limit. `straddles`: the limit lies between the quartiles, so the
 * claim holds.
 */
export type Verdict = 'yes' | 'no' | 'straddles';

/**
 * Measures both versions in each round, one after the other; in every second round, `after` goes
 * first.
 */
export async function measurePairs<T>(rounds: number, measure: Pair<() => Promise<T>>): Promise<Pair<T>[]> {
  const pairs: Pair<T>[] = [];
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) {
      const before = await measure.before();
      pairs.push({ before, after: await measure.after() });
    } else {
      const after = await measure.after();
      pairs.push({ before: await measure.before(), after });
    }
  }
  return pairs;
}

/** `after / before` of each pair: the median and both quartiles, by linear interpolation. */
export function compareRatios(pairs: readonly Pair<number>[]): Quartiles {
  const ratios = pairs.map(({ before, after }) => after / before);
  return { lower: quantile(ratios, 0.25), median: quantile(ratios, 0.5), upper: quantile(ratios, 0.75) };
}

/**
 * Judges ratios of a cost, where more is worse: `within` 0.05 allows 1.05. Only a lower quartile
 * above the limit is a `no`.
 * @throws Error when there is no finite quartile: nothing was measured
 */
export function judgeCost({ lower, upper }: Quartiles, within: number): Verdict {
  if (!Number.isFinite(lower) || !Number.isFinite(upper)) throw new Error('There is no cost to judge.');
  const limit = 1 + within;
  if (lower > limit) return 'no';
  return upper <= limit ? 'yes' : 'straddles';
}
