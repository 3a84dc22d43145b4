import { mean, median, medianSlope, tail } from './statistics.ts';

const WEEK = 7;
const SEASON_WEEKS = 8;
const SLOPE_DAYS = 42;
/** The theta method takes half of the slope. */
const SLOPE_PART = 0.5;
const SMOOTHING = [0.1, 0.2, 0.3, 0.5];

/** The median deviation of each weekday (by place modulo 7) from the week around it. */
function weekdayOffsets(days: readonly number[]): number[] {
  const deviations: number[][] = Array.from({ length: WEEK }, () => []);
  const first = Math.max(3, days.length - SEASON_WEEKS * WEEK);
  for (let i = first; i + 3 < days.length; i++) {
    deviations[i % WEEK]?.push((days[i] ?? 0) - mean(days.slice(i - 3, i + 4)));
  }
  const offsets = deviations.map(median);
  const shift = mean(offsets);
  return offsets.map((offset) => offset - shift);
}

/** Exponential smoothing; the factor that would have forecast the next day best. */
function smoothedLevel(days: readonly number[]): number {
  const tried = SMOOTHING.map((factor) => {
    let level = median(days.slice(0, WEEK));
    let error = 0;
    for (const day of days) {
      error += Math.abs(day - level);
      level += factor * (day - level);
    }
    return { level, error };
  });
  return tried.reduce((best, one) => (one.error < best.error ? one : best)).level;
}

/**
 * Forecasts by weekday offsets, exponential smoothing and half of the robust slope of six weeks (theta). Works from
 * one day on.
 */
export function fitTheta(days: readonly number[], horizon: number): number[] {
  const offsets = days.length >= 2 * WEEK ? weekdayOffsets(days) : Array.from({ length: WEEK }, () => 0);
  const adjusted = days.map((day, i) => day - (offsets[i % WEEK] ?? 0));
  const level = smoothedLevel(tail(adjusted, SEASON_WEEKS * WEEK));
  const drift = days.length >= 2 * WEEK ? SLOPE_PART * medianSlope(tail(adjusted, SLOPE_DAYS)) : 0;
  return Array.from({ length: horizon }, (_, h) => level + drift * (h + 1) + (offsets[(days.length + h) % WEEK] ?? 0));
}
