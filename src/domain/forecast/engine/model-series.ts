import {
  createRollingForecasts,
  HISTORY_DAYS,
  MODEL_DAYS,
  originsBefore,
  type RollingForecasts,
} from './rolling-forecasts.ts';
import { mean, tail } from './statistics.ts';

/** The past days that forecasts are judged by. */
const WINDOW_DAYS = 91;
/** With fewer days of history the mean of recent days is all that is said. */
export const ENSEMBLE_DAYS = 14;
const WEEK = 7;

/** What was forecast from a past day on, and what came; both begin with that day and have the same length. */
export interface Window {
  /** How many days ago it began. */
  age: number;
  forecast: number[];
  actual: number[];
}

export const FORECAST_METHODS = [
  { name: 'ensemble', description: 'Three models, weighted by their errors of the last four weeks.' },
  { name: 'recent_mean', description: 'The mean of at most 7 days, with wide intervals: there are under 14 days.' },
  { name: 'none', description: 'No day has a known cost.' },
] as const;
export type ForecastMethod = (typeof FORECAST_METHODS)[number]['name'];

/** What is known of a series: all that forecasts at any level and horizon are made of. */
export interface SeriesModel {
  method: ForecastMethod;
  historyDays: number;
  /** The next {@link MODEL_DAYS} days; later days repeat the last week of these. */
  points: number[];
  /** The newest first. */
  windows: Window[];
  /** The mean of the last eight weeks. */
  usual: number;
}

/** The forecast of the day `h` days after the first one, from 0. */
export function pointAt({ points }: Pick<SeriesModel, 'points'>, h: number): number {
  const last = points.length - WEEK + ((h - points.length) % WEEK);
  return points[h < points.length ? h : last] ?? 0;
}

/** Recent means are judged like models, from the third day on. */
function windowsOfMeans(days: readonly number[]): Window[] {
  const windows: Window[] = [];
  for (let at = days.length - 1; at >= 2; at--) {
    const actual = days.slice(at);
    windows.push({ age: actual.length, forecast: actual.map(() => mean(tail(days.slice(0, at), WEEK))), actual });
  }
  return windows;
}

/** The smallest amount there is, and far above any sum: what is beyond would leave the range of the arithmetic. */
const AMOUNTS = { min: 1e-18, max: 1e24 };

function clean(day: number): number {
  return Number.isFinite(day) && day >= AMOUNTS.min ? Math.min(day, AMOUNTS.max) : 0;
}

/**
 * Models a series from its last {@link HISTORY_DAYS} days. The same days give the same model. About 0.2 s of CPU for
 * 182 days.
 * @param history what each day cost, up to yesterday; values that are not finite or below the smallest amount count as 0
 */
export function modelSeries(history: readonly number[]): SeriesModel {
  const days = tail(history, HISTORY_DAYS).map(clean);
  const usual = mean(tail(days, 8 * WEEK));
  const historyDays = days.length;
  if (historyDays === 0) return { method: 'none', historyDays, points: [], windows: [], usual };
  if (historyDays < ENSEMBLE_DAYS) {
    const points = Array.from({ length: MODEL_DAYS }, () => mean(tail(days, WEEK)));
    return { method: 'recent_mean', historyDays, points, windows: windowsOfMeans(days), usual };
  }
  return modelAt(days, createRollingForecasts(days), historyDays);
}

/** The model of the days before `at`: benchmarks make many of one series. */
export function modelAt(days: readonly number[], forecasts: RollingForecasts, at: number): SeriesModel {
  const windows = originsBefore(at, WINDOW_DAYS).map((origin) => {
    const actual = days.slice(origin, Math.min(at, origin + MODEL_DAYS));
    return { age: at - origin, forecast: forecasts.forecastFrom(origin).slice(0, actual.length), actual };
  });
  const usual = mean(tail(days.slice(0, at), 8 * WEEK));
  return {
    method: 'ensemble',
    historyDays: Math.min(at, HISTORY_DAYS),
    points: forecasts.forecastFrom(at),
    windows,
    usual,
  };
}
