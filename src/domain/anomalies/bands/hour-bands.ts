import { type Band, bandAround, scaledError, type Tolerance, widthOf } from './band.ts';
import { meanWithoutLargest, median, medianOfUsed } from './robust.ts';

/** So many days of hours are looked back at: each hour of the week four times. */
export const HOUR_HISTORY_DAYS = 28;

const DAY = 24;
const WEEK = 7 * DAY;
const WEEK_DAYS = 7;
/** Of the hours that the mean is taken of, one in twenty may be an outlier. */
const OUTLIERS = 0.05;
const SELDOM = 0.125;
const TOLERANCE: Tolerance = { base: 0.15, least: 4, spreads: 9, third: 2.2, bursts: 2 };

/** The level of each day: the mean of the week around it, without its largest day. */
function levelsOf(hours: readonly number[]): number[] {
  const days = Array.from({ length: hours.length / DAY }, (_, day) =>
    hours.slice(day * DAY, (day + 1) * DAY).reduce((sum, value) => sum + value, 0),
  );
  return days.map((_, day) => {
    const from = Math.max(0, Math.min(day - 3, days.length - WEEK_DAYS));
    return meanWithoutLargest(
      days.slice(from, from + WEEK_DAYS).filter((value) => value > 0),
      1,
    );
  });
}

/** The share of its day's level that each hour of the week has: the median over the weeks. */
function weekShape(hours: readonly number[], levels: readonly number[]): number[] {
  return Array.from({ length: WEEK }, (_, place) => {
    const shares: number[] = [];
    let isUsed = false;
    for (let hour = place; hour < hours.length; hour += WEEK) {
      isUsed ||= (hours[hour] ?? 0) > 0;
      // With its neighbours, since it was there four times at most.
      for (let near = Math.max(0, hour - 1); near <= Math.min(hour + 1, hours.length - 1); near++) {
        const level = levels[Math.floor(near / DAY)] ?? 0;
        if (level > 0) shares.push((hours[near] ?? 0) / level);
      }
    }
    return isUsed ? medianOfUsed(shares) : 0;
  });
}

/** The largest share of the days on used weekdays that may be without use, where the other weekdays are closed. */
const REGULAR_SHARE = 0.1;

/**
 * A weekday without any use is closed, unless other days are left out as well, in no order: then it
 * is one that happened to be, and its hours are expected as those of the other weekdays.
 */
function fillChanceGaps(shape: readonly number[], hours: readonly number[]): number[] {
  const used = Array.from({ length: hours.length / DAY }, (_, day) =>
    hours.slice(day * DAY, (day + 1) * DAY).some((value) => value > 0),
  );
  const open = used.filter((_, day) => used.some((one, other) => one && other % WEEK_DAYS === day % WEEK_DAYS));
  if (open.filter((one) => !one).length <= open.length * REGULAR_SHARE) return [...shape];
  return shape.map((share, place) =>
    share > 0 ? share : median(shape.filter((one, other) => one > 0 && other % DAY === place % DAY)),
  );
}

/**
 * What each hour of the day after a history is expected to cost: the median share of that hour of the
 * week, times the level of the last days. The band is as wide as the errors that the same shares make
 * of the hours before.
 * @param history USD an hour, the oldest first: whole days, at least 14, at most
 * {@link HOUR_HISTORY_DAYS}
 * @returns 24 bands
 */
export function hourBands(history: readonly number[]): Band[] {
  const hours = history.slice(history.length % WEEK);
  const levels = levelsOf(hours);
  const shape = fillChanceGaps(weekShape(hours, levels), hours);
  const mean = meanWithoutLargest(hours, Math.floor(hours.length * OUTLIERS));
  const errors = hours.map((value, hour) => {
    const expected = (shape[hour % WEEK] ?? 0) * (levels[Math.floor(hour / DAY)] ?? 0);
    return scaledError(value, expected, mean, TOLERANCE);
  });
  const level = Math.max(levels.at(-1) ?? 0, median(levels));
  const isSeldom = hours.filter((value) => value > 0).length < hours.length * SELDOM;
  const largest = isSeldom ? Math.max(...hours) : 0;
  const width = widthOf(errors, TOLERANCE);
  return shape.slice(0, DAY).map((share) => {
    const expected = level * share;
    return bandAround(expected, expected + TOLERANCE.base * mean, width, largest);
  });
}
