import { partOf } from './conformal.ts';
import { learnReach } from './day-intervals.ts';
import type { SeriesModel, Window } from './model-series.ts';
import { mean } from './statistics.ts';

/** How good forecasts of this series were, made from past days of what was known then. */
export interface Accuracy {
  /** The mean absolute error as a part of the actual cost, of days that cost something; null where no day did. */
  mape: number | null;
  /** The part of days that were within their interval; null where none could be judged. */
  coverage: number | null;
  windows: number;
}

const JUDGED_WINDOWS = 28;
const JUDGED_DAYS = 14;
/** The fewest windows that an interval of the past is learnt from. */
const FEWEST_BEFORE = 3;

/** What was known of older windows when a newer one began. */
function knownBefore({ age }: Window, older: readonly Window[]): Window[] {
  return older
    .map((window) => {
      const days = window.age - age;
      return { age: window.age, forecast: window.forecast.slice(0, days), actual: window.actual.slice(0, days) };
    })
    .filter(({ forecast }) => forecast.length > 0);
}

/** Judges the newest windows, two weeks of each, by intervals that were learnt from the windows before. */
export function judgeModel({ windows, usual }: SeriesModel, level: number): Accuracy {
  const judged = windows.slice(0, JUDGED_WINDOWS);
  const errors: number[] = [];
  let inside = 0;
  let days = 0;
  judged.forEach((window, i) => {
    const before = knownBefore(window, windows.slice(i + 1, i + 1 + JUDGED_WINDOWS));
    const forecast = window.forecast.slice(0, JUDGED_DAYS);
    const reachOf = before.length < FEWEST_BEFORE ? null : learnReach(before, usual, level, forecast.length);
    const center = mean(window.forecast);
    forecast.forEach((point, h) => {
      const actual = window.actual[h] ?? 0;
      const error = Math.abs(actual - point);
      if (actual > 0) errors.push(partOf(error, actual));
      if (!reachOf) return;
      days++;
      if (partOf(error - reachOf(point, center, h), point + usual) <= 0) inside++;
    });
  });
  return {
    mape: errors.length === 0 ? null : mean(errors),
    coverage: days === 0 ? null : inside / days,
    windows: judged.length,
  };
}
