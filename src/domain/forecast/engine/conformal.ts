/** A forecast and the bounds that it stays within with the probability of the level. Never below 0. */
export interface Interval {
  expected: number;
  lower: number;
  upper: number;
}

/** The fewest errors that a quantile is taken of without widening. */
const FEW = 10;
const FEW_WIDENING = 1.5;
/** How much larger than the largest error each rank beyond it is. */
const BEYOND = 1.3;
/** The error of a series that is too short to be judged: as good as unknown. */
const UNJUDGED = 3;
const ROUNDING = 1e-9;
/** What models are off by where nothing moves; forecasts have 6 digits. */
const PRECISION = 1e-6;

/** An error as a part of its measure; 0 where it is below the precision of the models. */
export function partOf(error: number, measure: number): number {
  return Math.abs(error) <= PRECISION * measure ? 0 : error / measure;
}

/**
 * The quantile `ceil((n + 1) level)` of past errors, within which the next one is with the probability `level`
 * (split conformal prediction).
 * @param errors not negative
 * @param ranks how many places higher the error is taken that counts
 */
export function conformalQuantile(errors: readonly number[], level: number, ranks = 0): number {
  const sorted = errors.toSorted((a, b) => a - b);
  const largest = sorted.at(-1);
  if (largest === undefined) return UNJUDGED;
  const rank = Math.ceil((sorted.length + 1) * level - ROUNDING) + ranks;
  const beyond = Math.max(0, rank - sorted.length);
  const found = beyond === 0 ? (sorted[rank - 1] ?? largest) : largest * BEYOND ** beyond;
  return sorted.length < FEW ? found * FEW_WIDENING : found;
}

/** How errors grow beyond the longest horizon that was judged: with the square root of time. */
export function growth(horizon: number, judged: number): number {
  return judged > 0 && horizon > judged ? Math.sqrt(horizon / judged) : 1;
}

/** An interval around a forecast, cut at 0. */
export function intervalAround(expected: number, reach: number): Interval {
  return { expected, lower: Math.max(0, expected - reach), upper: expected + reach };
}
