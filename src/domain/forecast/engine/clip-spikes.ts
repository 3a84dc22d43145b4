import { median, spread } from './statistics.ts';

const WEEK = 7;
const WEEKS_AROUND = 4;
const DAYS_AROUND = 2;
/** So many robust standard deviations from the median stand out. */
const LIMIT = 3;
/** On the logarithmic scale; deviations below about a tenth never stand out. */
const MIN_SPREAD = 0.1;

interface Band {
  lower: number;
  upper: number;
}

function bandAround(values: readonly number[]): Band {
  const center = median(values);
  const reach = LIMIT * Math.max(MIN_SPREAD, spread(values, center));
  return { lower: center - reach, upper: center + reach };
}

function around(days: readonly number[], at: number, step: number, reach: number): number[] {
  const found: number[] = [];
  for (let k = -reach; k <= reach; k++) {
    const value = days[at + k * step];
    if (k !== 0 && value !== undefined) found.push(value);
  }
  return found;
}

/**
 * Pulls single days that stand out back to the edge of the usual: those that stand out both of the same weekdays of
 * four weeks around and of the two days on either side. A lasting change stays, because its neighbours changed too.
 * @param days on a logarithmic scale
 */
export function clipSpikes(days: readonly number[]): number[] {
  return days.map((day, i) => {
    const sameWeekday = around(days, i, WEEK, WEEKS_AROUND);
    const neighbours = around(days, i, 1, DAYS_AROUND);
    if (sameWeekday.length < 3 || neighbours.length < 2) return day;
    const weekly = bandAround(sameWeekday);
    const near = bandAround(neighbours);
    if (day > weekly.upper && day > near.upper) return weekly.upper;
    if (day < weekly.lower && day < near.lower) return weekly.lower;
    return day;
  });
}
