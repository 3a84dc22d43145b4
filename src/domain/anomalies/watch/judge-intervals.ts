import { DAY_MS } from '../../../platform/time.ts';
import type { Band } from '../bands/band.ts';
import { HISTORY_DAYS, MIN_HISTORY_DAYS, profileDay } from '../bands/day-band.ts';
import { HOUR_HISTORY_DAYS, hourBands } from '../bands/hour-bands.ts';
import type { JudgedInterval } from './follow-incident.ts';

export const HOUR_MS = 3_600_000;
/** So long after its end an interval may still be found to be over its band before it counts as calm. */
const SETTLING_MS = 5 * 60_000;

/** An interval with the figures that its event would carry. */
export interface Judged extends JudgedInterval {
  endMs: number;
  /** Null where the series is too young, or the interval too small to need one. */
  band: Band | null;
  /** NUMERIC in USD. */
  actual: string;
}

/** What a series has cost, by the start of the interval: NUMERIC in USD. */
export type Costs = ReadonlyMap<number, string>;

/** Costs as plain numbers; 0 where there are none, or more was voided than used. */
function numbersOf(costs: Costs, startMs: number, endMs: number, stepMs: number): number[] {
  return Array.from({ length: (endMs - startMs) / stepMs }, (_, i) =>
    Math.max(0, Number(costs.get(startMs + i * stepMs) ?? 0)),
  );
}

/** Holds an interval against its band. */
export function judge(costs: Costs, startMs: number, stepMs: number, nowMs: number, band: Band | null): Judged {
  const actual = costs.get(startMs) ?? '0';
  const endMs = startMs + stepMs;
  const isOver = band !== null && Number(actual) > band.upper;
  return { startMs, endMs, band, actual, isOver, isComplete: endMs + SETTLING_MS <= nowMs };
}

/** The band of a day, by the ten weeks before it. @param day start of a UTC day */
export function bandOfDay(costs: Costs, day: number): Band | null {
  return profileDay(numbersOf(costs, day - HISTORY_DAYS * DAY_MS, day, DAY_MS))?.band ?? null;
}

/**
 * The bands of the hours of a day, by the four weeks before it.
 * @param day start of a UTC day
 * @returns 24 bands; none where the series is too young
 */
export function bandsOfHours(costs: Costs, day: number): Band[] {
  const hours = numbersOf(costs, day - HOUR_HISTORY_DAYS * DAY_MS, day, HOUR_MS);
  const first = hours.findIndex((cost) => cost > 0);
  const perDay = DAY_MS / HOUR_MS;
  const known = first < 0 ? [] : hours.slice(Math.floor(first / perDay) * perDay);
  return known.length < MIN_HISTORY_DAYS * perDay ? [] : hourBands(known);
}
