import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { periodSpansAt } from '../../src/domain/costs/cost-period.ts';
import { comparedAt } from '../models/costs-oracle.ts';

const HOUR_MS = 3_600_000;
const PERIODS = ['day', 'week', 'month', 'quarter', 'year'] as const;
/** Clock changes at night and at midnight, of an hour and of half of one. */
const CHANGES: Record<string, string[]> = {
  UTC: ['2024-02-29T12:00:00Z', '2026-03-31T12:00:00Z', '2024-12-31T12:00:00Z'],
  'Europe/Berlin': ['2026-03-29T01:00:00Z', '2026-10-25T01:00:00Z'],
  'America/New_York': ['2026-03-08T07:00:00Z', '2026-11-01T06:00:00Z'],
  'Australia/Lord_Howe': ['2026-04-04T15:00:00Z', '2026-10-03T15:30:00Z'],
  'America/Sao_Paulo': ['2018-11-04T03:00:00Z', '2018-02-18T02:00:00Z'],
  'America/Havana': ['2026-03-08T05:00:00Z', '2026-11-01T05:00:00Z'],
  'Asia/Kathmandu': ['2026-04-30T18:15:00Z'],
};
const at = (nowMs: number, period: (typeof PERIODS)[number], zone: string) => {
  const { current, previous } = periodSpansAt(nowMs, period, zone);
  return { current, previous };
};
const end = (now: string, period: (typeof PERIODS)[number], zone = 'UTC') =>
  new Date(at(Date.parse(now), period, zone).previous.endMs).toISOString();

describe.each(Object.entries(CHANGES))('in %s', (zone, changes) => {
  it.each(PERIODS)('the %s before is compared up to as many days and the same clock time', (period) => {
    const moments = fc
      .tuple(
        fc.constantFrom(...changes),
        fc.constantFrom(0, 24, 7 * 24, 30 * 24, 91 * 24, 365 * 24),
        fc.integer({ min: -40 * HOUR_MS, max: 40 * HOUR_MS }),
      )
      .map(([change, later, offset]) => Date.parse(change) + later * HOUR_MS + offset);
    fc.assert(
      fc.property(moments, (nowMs) => {
        expect(at(nowMs, period, zone)).toEqual(comparedAt(nowMs, period, zone));
      }),
      { numRuns: 60 },
    );
  });
});

it.each([
  ['the 31st', '2026-03-31T12:00:00Z', 'month', '2026-03-01T00:00:00.000Z'],
  ['a leap day', '2024-02-29T08:00:00Z', 'month', '2024-01-29T08:00:00.000Z'],
  ['the day after a leap day', '2024-03-01T08:00:00Z', 'year', '2023-03-02T08:00:00.000Z'],
  ['the last day of a leap year', '2024-12-31T08:00:00Z', 'year', '2024-01-01T00:00:00.000Z'],
  ['the last day of a longer quarter', '2026-06-30T08:00:00Z', 'quarter', '2026-04-01T00:00:00.000Z'],
  ['a Sunday', '2026-11-22T10:00:00Z', 'week', '2026-11-15T10:00:00.000Z'],
] as const)('%s compares up to a known moment', (_, now, period, expected) => {
  expect(end(now, period)).toBe(expected);
});

it('a day of 23 or 25 hours is compared by its clock, so that it ends with the day before', () => {
  expect(end('2026-03-29T08:00:00Z', 'day', 'Europe/Berlin')).toBe('2026-03-28T09:00:00.000Z');
  expect(end('2026-03-29T21:59:00Z', 'day', 'Europe/Berlin')).toBe('2026-03-28T22:59:00.000Z');
  expect(end('2026-10-25T22:59:00Z', 'day', 'Europe/Berlin')).toBe('2026-10-24T21:59:00.000Z');
});
