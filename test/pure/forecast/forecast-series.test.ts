import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generateSeries, SERIES_KINDS } from '../../../bench/forecast/generate-series.ts';
import { addScore, measureSeries, noScore } from '../../../bench/forecast/measure-series.ts';
import { forecastDays } from '../../../src/domain/forecast/engine/day-intervals.ts';
import { judgeModel } from '../../../src/domain/forecast/engine/judge-model.ts';
import { modelAt, modelSeries } from '../../../src/domain/forecast/engine/model-series.ts';
import { createRollingForecasts } from '../../../src/domain/forecast/engine/rolling-forecasts.ts';
import { chanceToReach, forecastSum } from '../../../src/domain/forecast/engine/sum-intervals.ts';

const RUNS = { numRuns: 15 };

/** Series as costs are: of any length, with closed days, bursts and idle weeks. */
const series = fc
  .record({
    length: fc.integer({ min: 1, max: 60 }),
    scale: fc.constantFrom(1e-9, 0.01, 1, 1e6, 1e18),
    values: fc.array(fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true }), fc.constant(50)), {
      minLength: 60,
      maxLength: 60,
    }),
  })
  .map(({ length, scale, values }) => values.slice(0, length).map((value) => value * scale));

describe('a forecast', () => {
  it('is never negative, is finite, and lies within its interval, whatever the history', () => {
    fc.assert(
      fc.property(series, fc.constantFrom(0.5, 0.9, 0.99), (history, level) => {
        const model = modelSeries(history);
        for (const { expected, lower, upper } of [...forecastDays(model, 365, level), forecastSum(model, 365, level)]) {
          expect(lower).toBeGreaterThanOrEqual(0);
          expect(expected).toBeGreaterThanOrEqual(lower);
          expect(upper).toBeGreaterThanOrEqual(expected);
          expect(upper).toBeLessThan(Number.POSITIVE_INFINITY);
        }
      }),
      RUNS,
    );
  });

  it('has intervals that widen with the level and a probability that falls with the amount', () => {
    fc.assert(
      fc.property(series, fc.integer({ min: 1, max: 60 }), (history, horizon) => {
        const model = modelSeries(history);
        const levels = [0.5, 0.6, 0.8, 0.9, 0.95, 0.99];
        const widths = levels.map((level) => {
          const sum = forecastSum(model, horizon, level);
          return [...forecastDays(model, horizon, level), sum].map(({ lower, upper }) => upper - lower);
        });
        widths.slice(1).forEach((wider, i) => {
          wider.forEach((width, h) => {
            expect(width).toBeGreaterThanOrEqual((widths[i]?.[h] ?? 0) * (1 - 1e-12));
          });
        });
        const { expected } = forecastSum(model, horizon, 0.9);
        const chances = [-1, 0, 0.2, 0.5, 0.9, 1, 1.1, 2, 10].map((part) =>
          chanceToReach(model, horizon, part * expected),
        );
        expect(chances[0]).toBe(1);
        chances.slice(1).forEach((chance, i) => {
          expect(chance).toBeLessThanOrEqual(chances[i] ?? 0);
          expect(chance).toBeGreaterThanOrEqual(0);
        });
      }),
      RUNS,
    );
  });

  it('is the same again, and the same in cents as in dollars', () => {
    fc.assert(
      fc.property(fc.constantFrom(...SERIES_KINDS), fc.integer({ min: 1, max: 1000 }), (kind, seed) => {
        const history = generateSeries(kind, seed, 35);
        const [first, again, inCents] = [history, history, history.map((day) => day * 100)].map((days) =>
          forecastDays(modelSeries(days), 30, 0.9),
        );
        expect(again).toEqual(first);
        first?.forEach(({ expected, upper }, h) => {
          expect(inCents?.[h]?.expected).toBeCloseTo(expected * 100, 6 - Math.ceil(Math.log10(1 + expected * 100)));
          expect((inCents?.[h]?.upper ?? 0) / (upper * 100 || 1)).toBeCloseTo(upper > 0 ? 1 : 0, 4);
        });
      }),
      { numRuns: 8 },
    );
  });

  it('of the same cost each day is that cost, for certain', () => {
    const model = modelSeries(Array.from({ length: 100 }, () => 42));
    for (const { expected, lower, upper } of forecastDays(model, 60, 0.99)) {
      expect([lower, expected, upper].map((value) => Number(value.toPrecision(6)))).toEqual([42, 42, 42]);
    }
    expect(chanceToReach(model, 10, 420)).toBe(1);
    expect(chanceToReach(model, 10, 421)).toBe(0);
    expect(judgeModel(model, 0.9)).toEqual({ mape: 0, coverage: 1, windows: 28 });
  });

  it('of nothing is nothing', () => {
    const model = modelSeries(Array.from({ length: 50 }, () => 0));
    expect(forecastSum(model, 30, 0.9)).toEqual({ expected: 0, lower: 0, upper: 0 });
    expect(judgeModel(model, 0.9).mape).toBe(null);
  });

  it('of a weekday that was closed four times is 0 without an interval, and closed once is not', () => {
    const week = [0, 30, 31, 29, 33, 30, 0];
    const days = Array.from({ length: 70 }, (_, i) => week[i % 7] ?? 0);
    forecastDays(modelSeries(days), 14, 0.9).forEach(({ expected, lower }, h) => {
      if (week[h % 7] === 0) expect({ expected, lower }).toEqual({ expected: 0, lower: 0 });
      else expect(expected).toBeGreaterThan(25);
    });
    const once = days.map((day, i) => (i === 65 ? 0 : day));
    expect(forecastDays(modelSeries(once), 14, 0.9)[2]?.expected).toBeGreaterThan(20);
  });

  it('is not moved by one outlier, and follows a lasting change', () => {
    const days = generateSeries('flat', 3, 80);
    const usual = forecastSum(modelSeries(days), 14, 0.9).expected;
    const outlier = days.map((day, i) => (i === 60 ? day * 1e5 : day));
    expect(forecastSum(modelSeries(outlier), 14, 0.9).expected / usual).toBeCloseTo(1, 0);
    const shifted = days.map((day, i) => (i >= 55 ? day * 3 : day));
    expect(forecastSum(modelSeries(shifted), 14, 0.9).expected / usual).toBeGreaterThan(2.5);
  });

  it('is made of anything without an exception: what is not a cost counts as 0', () => {
    const odd = [Number.NaN, Number.POSITIVE_INFINITY, -5, 1e300, Number.MIN_VALUE, -0];
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constantFrom(...odd), fc.double()), { maxLength: 40 }), (history) => {
        const model = modelSeries(history);
        expect(forecastDays(model, 20, 0.9)).toHaveLength(20);
        judgeModel(model, 0.9);
      }),
      RUNS,
    );
  });

  it.each([
    [0, 'none'],
    [1, 'recent_mean'],
    [13, 'recent_mean'],
    [14, 'ensemble'],
    [400, 'ensemble'],
  ])('of %i days says how it was made: %s', (length, method) => {
    const model = modelSeries(Array.from({ length }, (_, i) => 1 + (i % 3)));
    expect(model).toMatchObject({ method, historyDays: Math.min(182, length) });
  });

  it('knows nothing of later days: a forecast from the past is the one that was made then', () => {
    const days = generateSeries('AR(0.8)', 9, 70);
    expect(modelAt(days, createRollingForecasts(days), 50)).toEqual(modelSeries(days.slice(0, 50)));
  });
});

describe('forecasts of series of known character', () => {
  // A hundredth of `npm run bench:forecast`, so that a change that breaks them is seen.
  it('are better than repeating the last week, and their intervals hold', () => {
    const total = noScore();
    for (const kind of SERIES_KINDS) addScore(total, measureSeries(generateSeries(kind, 4, 130)));
    expect(total.error / total.naiveError).toBeLessThan(0.9);
    expect(total.daysInside / total.days).toBeGreaterThan(0.8);
    expect(total.sumsInside / total.sums).toBeGreaterThan(0.7);
  });
});
