import { type Band, bandAround, scaledError, type Tolerance, widthOf } from './band.ts';
import { meanWithoutLargest, median, medianOfUsed } from './robust.ts';

/** So many days are looked back at: each weekday ten times. */
export const HISTORY_DAYS = 70;
/** A series that is younger is not judged. */
export const MIN_HISTORY_DAYS = 14;

const WEEK = 7;
const LONG_LEVEL_DAYS = 28;
/** A weekday whose usual share of a mean day is lower says nothing of the level. */
const MIN_FACTOR = 0.1;
/** Of the days that the mean is taken of, one in nine may be an outlier. */
const OUTLIERS = 1 / 9;
const SELDOM = 0.25;
const TOLERANCE: Tolerance = { base: 0.25, least: 0.9, spreads: 5, third: 1.3, bursts: 1.5 };
/** A history of less than four weeks says less of how far a day may go. */
const YOUNG: Tolerance = { ...TOLERANCE, least: 1.2, spreads: 6, third: 1.5, bursts: 1.6 };

/** What is known of a series by its days. */
export interface DayProfile {
  /** The level of the days since the first use, without the weekday's influence. */
  level: number;
  /** The mean day, without outliers. */
  mean: number;
  band: Band;
}

/** How much of a mean day each weekday has, by its distance from the end; weeks are whole and end with the history. */
function weekdayFactors(history: readonly number[]): number[] {
  const ratios: number[][] = Array.from({ length: WEEK }, () => []);
  for (let end = history.length; end >= WEEK; end -= WEEK) {
    const week = history.slice(end - WEEK, end);
    // Without its largest day, a week with an outlier has the base that it has without one, nearly.
    const base = meanWithoutLargest(
      week.filter((value) => value > 0),
      1,
    );
    if (base > 0) week.forEach((value, day) => void ratios[day]?.push(value / base));
  }
  return ratios.map(medianOfUsed);
}

/** The level before the day `end`: the larger of the last week's and the last four weeks'. */
function levelBefore(leveled: readonly number[], end: number): number {
  const recent = (days: number) => median(leveled.slice(Math.max(0, end - days), end).filter((value) => value > 0));
  return Math.max(recent(WEEK), recent(LONG_LEVEL_DAYS));
}

/**
 * What the day after a history is expected to cost. The weekday's share of a week is the median over
 * the weeks, the level the median of the last days: neither follows an outlier. The band is as wide
 * as the errors that the same estimate would have made of the days before.
 * @param history USD a day, the oldest first, at most {@link HISTORY_DAYS}; it ends the day before
 * @returns null where the series was first used less than {@link MIN_HISTORY_DAYS} days ago
 */
export function profileDay(history: readonly number[]): DayProfile | null {
  const first = history.findIndex((value) => value > 0);
  const days = first < 0 ? [] : history.slice(first);
  if (days.length < MIN_HISTORY_DAYS) return null;
  const factors = weekdayFactors(days);
  const factorOf = (day: number) => factors[(((day - days.length) % WEEK) + WEEK) % WEEK] ?? 0;
  const leveled = days.map((value, day) => (factorOf(day) < MIN_FACTOR ? Number.NaN : value / factorOf(day)));
  const recent = days.slice(-LONG_LEVEL_DAYS);
  const mean = meanWithoutLargest(recent, Math.floor(recent.length * OUTLIERS));
  const tolerance = days.length < LONG_LEVEL_DAYS ? YOUNG : TOLERANCE;
  const errors: number[] = [];
  for (let day = WEEK; day < days.length; day++) {
    const expected = levelBefore(leveled, day) * factorOf(day);
    errors.push(scaledError(days[day] ?? 0, expected, mean, tolerance));
  }
  const level = levelBefore(leveled, days.length);
  const isSeldom = days.filter((value) => value > 0).length < days.length * SELDOM;
  const expected = level * factorOf(days.length);
  const unit = expected + tolerance.base * mean;
  const band = bandAround(expected, unit, widthOf(errors, tolerance), isSeldom ? Math.max(...days) : 0);
  return { level, mean, band };
}
