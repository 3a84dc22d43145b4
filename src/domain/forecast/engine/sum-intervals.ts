import { conformalQuantile, growth, type Interval, intervalAround, partOf } from './conformal.ts';
import { pointAt, type SeriesModel } from './model-series.ts';

/** The fewest windows that a horizon is judged by; a longer one is judged by shorter sums. */
const FEWEST_WINDOWS = 12;
/** Windows overlap and so have few independent errors: the next larger error is taken. */
const RANKS = 1;
/** Errors of sums are measured by the forecast, and by this part of usual days, as a forecast may be near 0. */
const USUAL_PART = 0.5;

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** The sum of the next days, and how far such sums were off before. */
interface SumForecast {
  expected: number;
  /** What errors are parts of. */
  measure: number;
  /** Above 0 where it became dearer than forecast. */
  errors: number[];
}

function judgeSums(model: SeriesModel, horizon: number): SumForecast {
  const { windows, usual } = model;
  const lengths = windows.map(({ forecast }) => forecast.length).sort((a, b) => b - a);
  const judged = Math.min(horizon, lengths[Math.min(FEWEST_WINDOWS, lengths.length) - 1] ?? 0);
  const measureOf = (expected: number, days: number) => expected + USUAL_PART * usual * days || 1;
  const long = windows.filter(({ forecast }) => judged > 0 && forecast.length >= judged);
  const errors = long.map(({ forecast, actual }) => {
    const expected = sum(forecast.slice(0, judged));
    const error = sum(actual.slice(0, judged)) - expected;
    return partOf(error, measureOf(expected, judged)) * growth(horizon, judged);
  });
  const expected = sum(Array.from({ length: horizon }, (_, h) => pointAt(model, h)));
  return { expected, measure: measureOf(expected, horizon), errors };
}

/**
 * The sum of the next days, by the errors that sums of so many days had. It is not the sum of the days' intervals,
 * since days are seldom all dear at once.
 * @param level from 0.5 to 0.99
 */
export function forecastSum(model: SeriesModel, horizon: number, level: number): Interval {
  const { expected, measure, errors } = judgeSums(model, horizon);
  return intervalAround(expected, conformalQuantile(errors.map(Math.abs), level, RANKS) * measure);
}

/**
 * The probability that the next days cost at least `amount`: the share of past errors with which they would. It falls
 * as the amount rises. Unless all past forecasts were right to the last digit, it is neither 0 nor 1, since few errors
 * are known.
 */
export function chanceToReach(model: SeriesModel, horizon: number, amount: number): number {
  if (amount <= 0) return 1;
  const { expected, measure, errors } = judgeSums(model, horizon);
  const reached = errors.filter((error) => partOf(amount - expected, measure) <= error).length;
  if (errors.length > 0 && errors.every((error) => error === 0)) return reached > 0 ? 1 : 0;
  return (reached + 0.5) / (errors.length + 1);
}
