import { clipSpikes } from './clip-spikes.ts';
import { fitMstl } from './fit-mstl.ts';
import { fitTheta } from './fit-theta.ts';
import { createLogScale } from './log-scale.ts';
import { mean } from './statistics.ts';

/** How many days are forecast by the models; later days repeat the last week of these. */
export const MODEL_DAYS = 42;
/** Older days say little of the next ones, and cost time. */
export const HISTORY_DAYS = 182;
/** Between the days from which the past is forecast again. */
const ORIGIN_STEP = 2;
const WEEK = 7;
const JUDGED_DAYS = 28;
const JUDGED_HORIZON = 14;
/** How sharply a member with a smaller error is preferred. */
const SHARPNESS = 4;
const CLOSED_WEEKS = 4;
/**
 * Models on a logarithmic scale forecast the median, which is below the mean of a series with bursts. So forecasts are
 * raised by a part of what those of eight weeks were too low; by all of it they would be worse for most days.
 */
const RAISED_DAYS = 56;
const RAISED_PART = 0.3;
const MAX_RAISE = 1.3;
/** No day is forecast above so many times the dearest of the last eight weeks. */
const MAX_GROWTH = 3;
const GROWTH_DAYS = 56;

/** Forecasts of one series from any of its days on, each made of the days before only. */
export interface RollingForecasts {
  /** What the {@link MODEL_DAYS} days from day `at` on will cost, as it was known when they began. */
  forecastFrom(at: number): number[];
}

/** The days of the last `count` before `at` that forecasts can be made from, the newest first. */
export function originsBefore(at: number, count: number): number[] {
  const origins: number[] = [];
  for (let origin = at - ORIGIN_STEP; origin >= Math.max(WEEK, at - count); origin -= ORIGIN_STEP) origins.push(origin);
  return origins;
}

/**
 * The members of the ensemble: MSTL and theta on a logarithmic scale, where growth is a line and a burst is not far
 * off, and theta of the costs themselves, for series with many days without any.
 */
function fitMembers(days: readonly number[]): number[][] {
  const scale = createLogScale(days);
  const logs = clipSpikes(days.map(scale.toLog));
  const clipped = logs.map(scale.fromLog);
  const ceiling = MAX_GROWTH * Math.max(0, ...days.slice(-GROWTH_DAYS));
  const theta = fitTheta(logs, MODEL_DAYS);
  const mstl = fitMstl(logs, MODEL_DAYS) ?? theta;
  return [mstl.map(scale.fromLog), theta.map(scale.fromLog), fitTheta(clipped, MODEL_DAYS)].map((points) =>
    points.map((point) => Math.min(ceiling, Math.max(0, point))),
  );
}

/** @param days what each day cost; not negative */
export function createRollingForecasts(days: readonly number[]): RollingForecasts {
  const fits = new Map<number, number[][]>();
  const combined = new Map<number, number[]>();
  const raised = new Map<number, number[]>();

  function membersFrom(at: number): number[][] {
    const known = fits.get(at);
    if (known) return known;
    const members = fitMembers(days.slice(Math.max(0, at - HISTORY_DAYS), at));
    fits.set(at, members);
    return members;
  }

  /** The mean absolute error of a member over the days before `at`, forecast from each of them. */
  function recentError(member: number, at: number): number {
    const errors: number[] = [];
    for (const origin of originsBefore(at, JUDGED_DAYS)) {
      const points = membersFrom(origin)[member] ?? [];
      for (let h = 0; h < JUDGED_HORIZON && origin + h < at; h++) {
        errors.push(Math.abs((points[h] ?? 0) - (days[origin + h] ?? 0)));
      }
    }
    return mean(errors);
  }

  /** A weekday whose last four values are all 0 is closed. */
  function isClosed(at: number, h: number): boolean {
    const last = at - WEEK + (h % WEEK);
    if (last - (CLOSED_WEEKS - 1) * WEEK < 0) return false;
    for (let week = 0; week < CLOSED_WEEKS; week++) if (days[last - week * WEEK] !== 0) return false;
    return true;
  }

  function combine(at: number): number[] {
    const members = membersFrom(at);
    const errors = members.map((_, member) => recentError(member, at));
    const least = Math.min(...errors);
    const weights = errors.map((error) => (error > 0 ? (least / error) ** SHARPNESS : 1));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return Array.from({ length: MODEL_DAYS }, (_, h) => {
      if (isClosed(at, h)) return 0;
      return members.reduce((sum, points, member) => sum + ((weights[member] ?? 0) / total) * (points[h] ?? 0), 0);
    });
  }

  function unraisedFrom(at: number): number[] {
    const points = combined.get(at) ?? combine(at);
    combined.set(at, points);
    return points;
  }

  function raiseAt(at: number): number {
    let actual = 0;
    let forecast = 0;
    for (const origin of originsBefore(at, RAISED_DAYS)) {
      const points = unraisedFrom(origin);
      for (let h = 0; h < JUDGED_HORIZON && origin + h < at; h++) {
        actual += days[origin + h] ?? 0;
        forecast += points[h] ?? 0;
      }
    }
    return forecast > 0 ? Math.min(MAX_RAISE, Math.max(1, actual / forecast) ** RAISED_PART) : 1;
  }

  return {
    forecastFrom(at) {
      const known = raised.get(at);
      if (known) return known;
      const factor = raiseAt(at);
      const points = unraisedFrom(at).map((point) => point * factor);
      raised.set(at, points);
      return points;
    },
  };
}
