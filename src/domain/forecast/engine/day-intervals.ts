import { conformalQuantile, growth, type Interval, intervalAround, partOf } from './conformal.ts';
import { pointAt, type SeriesModel, type Window } from './model-series.ts';
import { mean } from './statistics.ts';

/** The newest windows that days are judged by: 56 days, as they begin every second day. */
const WINDOWS = 28;
/** How many horizons on either side are judged together. */
const POOLED = 3;
/** An error is measured by its forecast, by this part of the mean forecast, as some days are small, */
const MEAN_PART = 0.15;
/** and by this part of a usual day, so that no measure is 0 where days were not. */
const USUAL_PART = 0.01;

function measureOf(forecast: number, meanForecast: number, usual: number): number {
  return forecast + MEAN_PART * meanForecast + USUAL_PART * usual;
}

/** By horizon, the absolute errors of windows in parts of their measures. */
function errorsByHorizon(windows: readonly Window[], usual: number): number[][] {
  const errors: number[][] = [];
  for (const { forecast, actual } of windows) {
    const center = mean(forecast);
    forecast.forEach((point, h) => {
      const error = partOf(Math.abs((actual[h] ?? 0) - point), measureOf(point, center, usual) || 1);
      const known = errors[h];
      if (known) known.push(error);
      else errors[h] = [error];
    });
  }
  return errors;
}

type ReachOf = (forecast: number, meanForecast: number, h: number) => number;

/**
 * Learns from windows, the newest first, how far from its forecast a day may be.
 * @param horizons how many will be asked for
 */
export function learnReach(windows: readonly Window[], usual: number, level: number, horizons: number): ReachOf {
  const errors = errorsByHorizon(windows.slice(0, WINDOWS), usual);
  const judged = errors.length;
  const quantiles = errors
    .slice(0, horizons)
    .map((_, h) => conformalQuantile(errors.slice(Math.max(0, h - POOLED), h + POOLED + 1).flat(), level));
  const unjudged = conformalQuantile([], level);
  return (forecast, meanForecast, h) => {
    const quantile = quantiles[Math.min(h, quantiles.length - 1)] ?? unjudged;
    return quantile * growth(h + 1, judged) * measureOf(forecast, meanForecast, usual);
  };
}

/**
 * The next days, each with its interval.
 * @param level from 0.5 to 0.99
 */
export function forecastDays(model: SeriesModel, horizon: number, level: number): Interval[] {
  const reachOf = learnReach(model.windows, model.usual, level, horizon);
  const center = mean(model.points);
  return Array.from({ length: horizon }, (_, h) => {
    const expected = pointAt(model, h);
    return intervalAround(expected, reachOf(expected, center, h));
  });
}
