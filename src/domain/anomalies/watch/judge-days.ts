import { DAY_MS } from '../../../platform/time.ts';
import type { Band } from '../bands/band.ts';
import { HISTORY_DAYS, MIN_HISTORY_DAYS, profileDay } from '../bands/day-band.ts';
import { HOUR_HISTORY_DAYS, hourBands } from '../bands/hour-bands.ts';
import type { JudgedInterval } from './follow-incident.ts';
import type { Spend } from './read-spend.ts';

export const HOUR_MS = 3_600_000;
/** What arrives later than this after an interval's end may come too late to keep an incident going. */
export const SETTLING_MS = 5 * 60_000;

/** An interval with what is told of it. */
export interface Judged extends JudgedInterval {
  endMs: number;
  /** Null where the series is too young. */
  band: Band | null;
  /** NUMERIC in USD. */
  actual: string;
}

/** What a series has cost, by the start of the interval. */
export type Costs = ReadonlyMap<number, string>;

/** The costs of each series, by the start of the interval. */
export function groupBySeries(spends: readonly Spend[]): Map<string, Map<number, string>> {
  const grouped = new Map<string, Map<number, string>>();
  for (const { series, startMs, cost } of spends) {
    const costs = grouped.get(series) ?? new Map<number, string>();
    grouped.set(series, costs);
    costs.set(startMs, cost);
  }
  return grouped;
}

/** Costs as plain numbers, from `startMs` on; 0 where there are none, or more was voided than used. */
function numbersOf(costs: Costs, startMs: number, endMs: number, stepMs: number): number[] {
  return Array.from({ length: (endMs - startMs) / stepMs }, (_, i) =>
    Math.max(0, Number(costs.get(startMs + i * stepMs) ?? 0)),
  );
}

export function judge(costs: Costs, startMs: number, stepMs: number, nowMs: number, band: Band | null): Judged {
  const actual = costs.get(startMs) ?? '0';
  const endMs = startMs + stepMs;
  const isOver = band !== null && Number(actual) > band.upper;
  return { startMs, endMs, band, actual, isOver, isComplete: endMs + SETTLING_MS <= nowMs };
}

/** Judges days by the ten weeks before each. @param days starts of UTC days */
export function judgeDays(costs: Costs, days: readonly number[], nowMs: number): Judged[] {
  return days.map((day) => {
    const history = numbersOf(costs, day - HISTORY_DAYS * DAY_MS, day, DAY_MS);
    return judge(costs, day, DAY_MS, nowMs, profileDay(history)?.band ?? null);
  });
}

/**
 * The bands of the hours of a day, by the four weeks before it.
 * @param day start of a UTC day
 * @returns 24 bands; none where the series is too young
 */
export function bandsOfDay(costs: Costs, day: number): Band[] {
  const hours = numbersOf(costs, day - HOUR_HISTORY_DAYS * DAY_MS, day, HOUR_MS);
  const first = hours.findIndex((cost) => cost > 0);
  const perDay = DAY_MS / HOUR_MS;
  const known = first < 0 ? [] : hours.slice(Math.floor(first / perDay) * perDay);
  return known.length < MIN_HISTORY_DAYS * perDay ? [] : hourBands(known);
}
