import { nthLargest, robustSpread } from './robust.ts';

/** What an interval is expected to cost, and between what it is normal. USD. */
export interface Band {
  expected: number;
  lower: number;
  upper: number;
}

/** How far from what is expected an interval may be. */
export interface Tolerance {
  /** Errors are relative to what is expected plus this part of the mean interval. */
  base: number;
  /** The smallest scaled error that is an anomaly. */
  least: number;
  /** So many robust standard deviations of the scaled errors are normal. */
  spreads: number;
  /** The factor by which the third largest scaled error is multiplied: up to that a cost is normal. */
  third: number;
  /** The factor for the largest error, where errors beyond the band recur: such a burst is nothing new. */
  bursts: number;
}

/** Two outliers are forgiven, so that one incident does not hide the next; three are a habit. */
const HABIT = 3;
/** The excess over what is expected that is worth an alarm at all: 1 USD. */
export const MIN_EXCESS_USD = 1;
/** A series that is used so seldom has no rhythm: it is compared with its largest interval. */
const LARGEST_RATIO = 2;
const LOWER_LEAST = 0.5;

/** The scaled error of an interval: 0 where it is as expected. */
export function scaledError(actual: number, expected: number, mean: number, { base }: Tolerance): number {
  const unit = expected + base * mean;
  return unit > 0 ? (actual - expected) / unit : 0;
}

/** How far errors may go, as scaled errors. */
export interface Width {
  above: number;
  below: number;
}

/** How far a series may go, from the scaled errors of its past. */
export function widthOf(errors: readonly number[], tolerance: Tolerance): Width {
  const { least, spreads, third, bursts } = tolerance;
  const spread = spreads * robustSpread(errors);
  const usual = Math.max(least, spread);
  const recurring = nthLargest(errors, HABIT);
  const habit = recurring > usual ? bursts * nthLargest(errors, 1) : 0;
  return { above: Math.max(usual, third * recurring, habit), below: Math.max(LOWER_LEAST, spread) };
}

/**
 * The band around what is expected of an interval.
 * @param unit what is expected plus the base of its tolerance
 * @param largest the largest interval of the past, where the series is used seldom; else 0
 */
export function bandAround(expected: number, unit: number, { above, below }: Width, largest: number): Band {
  return {
    expected,
    lower: Math.max(0, expected - below * unit),
    upper: Math.max(expected + above * unit, expected + MIN_EXCESS_USD, LARGEST_RATIO * largest),
  };
}
