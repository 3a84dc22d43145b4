import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scoreDays, scoreHours } from '../../bench/anomalies/score.ts';
import { type Kind, makeDays, makeHours } from '../../bench/anomalies/series.ts';
import { profileDay } from '../../src/domain/anomalies/bands/day-band.ts';
import { hourBands } from '../../src/domain/anomalies/bands/hour-bands.ts';

// The same made series as `npm run bench:anomalies` scores, fewer of them.

const SEED = 4_200;
const REGULAR: readonly Kind[] = ['flat', 'trend', 'growth', 'weekend-closed'];
const SERIES = 3;

function total(kinds: readonly Kind[], score: typeof scoreDays, hasIncidents: boolean) {
  const scores = kinds.flatMap((kind) => Array.from({ length: SERIES }, (_, i) => score(kind, SEED + i, hasIncidents)));
  const sum = (of: 'labels' | 'found' | 'falseAlarms') => scores.reduce((all, one) => all + one[of], 0);
  return { labels: sum('labels'), found: sum('found'), falseAlarms: sum('falseAlarms'), series: scores.length };
}

describe('bands of days', () => {
  it('find four of five days at three times and more, and nothing else', () => {
    const { labels, found, falseAlarms } = total(REGULAR, scoreDays, true);
    expect(labels).toBeGreaterThan(20);
    expect(found / labels).toBeGreaterThanOrEqual(0.8);
    expect(found / (found + falseAlarms)).toBeGreaterThanOrEqual(0.8);
  });

  it.each<Kind>([...REGULAR, 'zero-days', 'new', 'tiny', 'autoregressive'])(
    'raise at most one false alarm a quarter in a quiet series: %s',
    (kind) => {
      const { falseAlarms, series } = total([kind], scoreDays, false);
      expect(falseAlarms).toBeLessThanOrEqual(series);
    },
  );

  it('are not there before a series is two weeks old', () => {
    const days = makeDays('flat', SEED, 14);
    expect(profileDay(days.slice(1))).toBeNull();
    expect(profileDay([0, 0, 0, ...days.slice(1)])).toBeNull();
    expect(profileDay(days)).not.toBeNull();
    expect(profileDay([])).toBeNull();
  });

  it('expect nothing of a closed weekday, and are not moved by one day of a hundred times', () => {
    const days: number[] = Array.from({ length: 70 }, (_, day) => (day % 7 >= 5 ? 0 : 100));
    expect(profileDay(days.slice(0, 68))?.band.expected).toBe(0);
    expect(profileDay(days)?.band.expected).toBe(100);
    const spiked = days.with(60, 10_000);
    expect(profileDay(spiked)?.band).toEqual(profileDay(days)?.band);
  });

  it('hold what recurs: a burst that was seen three times is within them', () => {
    const days: number[] = Array.from({ length: 70 }, (_, day) => (day % 20 === 13 ? 800 : 100));
    expect(profileDay(days)?.band.upper).toBeGreaterThan(800);
    expect(profileDay(days.with(13, 100).with(33, 100))?.band.upper).toBeLessThan(300);
  });

  it('are in the currency of the series: ten times the cost is ten times the band', () => {
    const history = fc.array(fc.integer({ min: 10_000, max: 1_000_000 }), { minLength: 14, maxLength: 70 });
    fc.assert(
      fc.property(history, (days) => {
        const [one, ten] = [profileDay(days)?.band, profileDay(days.map((cost) => cost * 10))?.band];
        expect(one && one.lower <= one.expected && one.expected < one.upper).toBe(true);
        for (const name of ['lower', 'expected', 'upper'] as const) {
          expect(ten?.[name]).toBeCloseTo((one?.[name] ?? 0) * 10, 0);
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('bands of hours', () => {
  it('find four of five hours at ten times, and nothing else', () => {
    const { labels, found, falseAlarms } = total(['flat', 'weekend-closed'], scoreHours, true);
    expect(labels).toBeGreaterThan(15);
    expect(found / labels).toBeGreaterThanOrEqual(0.8);
    expect(found / (found + falseAlarms)).toBeGreaterThanOrEqual(0.8);
  });

  it('know the working hours and the closed days of a week', () => {
    const hours = Array.from({ length: 28 * 24 }, (_, hour) => {
      const [day, ofDay] = [Math.floor(hour / 24) % 7, hour % 24];
      return day < 5 && ofDay >= 9 && ofDay < 17 ? 10 : 0;
    });
    expect(hourBands(hours).map(({ expected }) => Math.round(expected))).toEqual(
      Array.from({ length: 24 }, (_, hour) => (hour >= 9 && hour < 17 ? 10 : 0)),
    );
    expect(hourBands(hours.slice(0, 26 * 24)).every(({ expected }) => expected === 0)).toBe(true);
  });

  it('hold the largest hour twice where a series is used in few hours, at no set time', () => {
    const hours = Array.from({ length: 28 * 24 }, (_, hour) => (hour % 25 === 0 ? 40 : 0));
    expect(hourBands(hours).every(({ upper }) => upper >= 80)).toBe(true);
  });

  it('are the same for the same history', () => {
    const hours = makeHours('noisy', SEED, 28);
    expect(hourBands(hours)).toEqual(hourBands([...hours]));
    expect(hourBands(hours)).toHaveLength(24);
  });
});
