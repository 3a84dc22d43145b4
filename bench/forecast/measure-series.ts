import { forecastDays } from '../../src/domain/forecast/engine/day-intervals.ts';
import { modelAt } from '../../src/domain/forecast/engine/model-series.ts';
import { createRollingForecasts } from '../../src/domain/forecast/engine/rolling-forecasts.ts';
import { forecastSum } from '../../src/domain/forecast/engine/sum-intervals.ts';

export const FIRST_ORIGIN = 112;
export const HORIZON = 14;
export const LEVEL = 0.9;
const STEP = 2;
const WEEK = 7;

/** What forecasts of series were worth: sums over origins and days. */
export interface Score {
  series: number;
  days: number;
  sums: number;
  /** Absolute errors in parts of the seasonal-naive error of the history (MASE, once divided by `days`). */
  error: number;
  naiveError: number;
  daysInside: number;
  sumsInside: number;
}

export function noScore(): Score {
  return { series: 0, days: 0, sums: 0, error: 0, naiveError: 0, daysInside: 0, sumsInside: 0 };
}

export function addScore(total: Score, part: Score): void {
  for (const key of Object.keys(total) as (keyof Score)[]) total[key] += part[key];
}

/** The mean absolute difference between days and the same weekday before. */
function naiveScale(days: readonly number[]): number {
  let sum = 0;
  for (let i = WEEK; i < days.length; i++) sum += Math.abs((days[i] ?? 0) - (days[i - WEEK] ?? 0));
  return sum / (days.length - WEEK);
}

function isInside({ lower, upper }: { lower: number; upper: number }, actual: number): boolean {
  const slack = 1e-9 * actual;
  return actual >= lower - slack && actual <= upper + slack;
}

/**
 * Forecasts a series from every second day on, each time of the days before only, as the server does, and compares with
 * what came and with seasonal-naive, which repeats the last week.
 */
export function measureSeries(series: readonly number[]): Score {
  const score = { ...noScore(), series: 1 };
  const forecasts = createRollingForecasts(series);
  for (let at = FIRST_ORIGIN; at + HORIZON <= series.length; at += STEP) {
    const scale = naiveScale(series.slice(0, at));
    if (!(scale > 0)) continue;
    const model = modelAt(series, forecasts, at);
    const actual = series.slice(at, at + HORIZON);
    forecastDays(model, HORIZON, LEVEL).forEach((day, h) => {
      const cost = actual[h] ?? 0;
      score.days++;
      score.error += Math.abs(cost - day.expected) / scale;
      score.naiveError += Math.abs(cost - (series[at - WEEK + (h % WEEK)] ?? 0)) / scale;
      if (isInside(day, cost)) score.daysInside++;
    });
    const sum = actual.reduce((total, cost) => total + cost, 0);
    score.sums++;
    if (isInside(forecastSum(model, HORIZON, LEVEL), sum)) score.sumsInside++;
  }
  return score;
}
