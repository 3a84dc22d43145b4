import type { Band } from '../../src/domain/anomalies/bands/band.ts';
import { HISTORY_DAYS, profileDay } from '../../src/domain/anomalies/bands/day-band.ts';
import { HOUR_HISTORY_DAYS, hourBands } from '../../src/domain/anomalies/bands/hour-bands.ts';
import {
  type Followed,
  followIncident,
  type Incident,
  type JudgedInterval,
} from '../../src/domain/anomalies/watch/follow-incident.ts';
import { type Kind, makeDays, makeHours, randomOf } from './series.ts';

// Labelled series are judged as the server judges them: an interval at a time, by what was before it.

export const QUARTER_DAYS = 91;
const DAY_HOURS = 24;
const MIN_HISTORY_HOURS = 14 * DAY_HOURS;

/** What was found of what was labelled, and what was told beside it. */
export interface Score {
  labels: number;
  found: number;
  falseAlarms: number;
}

/** What is told of a series, by the place of the interval. */
function tellAll(values: readonly number[], bandOf: (at: number) => Band | null, from: number): number[] {
  const all: number[] = [];
  let latest: Incident | null = null;
  for (let at = from; at < values.length; at++) {
    const band = bandOf(at);
    const isOver = band !== null && (values[at] ?? 0) > band.upper;
    const interval: JudgedInterval = { startMs: at, isOver, isComplete: true };
    const { changed, told }: Followed<JudgedInterval> = followIncident(latest, [interval], 1, false);
    latest = changed.at(-1) ?? latest;
    all.push(...told.map(({ startMs }) => startMs));
  }
  return all;
}

function dayBandAt(days: readonly number[], at: number): Band | null {
  return profileDay(days.slice(Math.max(0, at - HISTORY_DAYS), at))?.band ?? null;
}

/** Bands of hours are made once for each day. */
function hourBandsOf(hours: readonly number[]): (at: number) => Band | null {
  let day = -1;
  let bands: Band[] | null = null;
  return (at) => {
    const today = Math.floor(at / DAY_HOURS);
    if (today !== day) {
      day = today;
      const history = hours.slice(Math.max(0, (today - HOUR_HISTORY_DAYS) * DAY_HOURS), today * DAY_HOURS);
      const first = Math.floor(history.findIndex((value) => value > 0) / DAY_HOURS) * DAY_HOURS;
      const known = first < 0 ? [] : history.slice(first);
      bands = known.length < MIN_HISTORY_HOURS ? null : hourBands(known);
    }
    return bands?.[at % DAY_HOURS] ?? null;
  };
}

/** Multiplies some intervals after `from`, with `gap` to twice `gap` between them; returns their places. */
function label(values: number[], seed: number, from: number, gap: number, factor: () => number): Set<number> {
  const random = randomOf(seed);
  const labelled = new Set<number>();
  for (let at = from + Math.floor(random() * gap); at < values.length; at += gap + Math.floor(random() * gap)) {
    const value = values[at] ?? 0;
    if (value === 0) continue;
    values[at] = value * factor();
    labelled.add(at);
  }
  return labelled;
}

function scoreOf(told: readonly number[], labelled: ReadonlySet<number>): Score {
  const found = told.filter((at) => labelled.has(at)).length;
  return { labels: labelled.size, found, falseAlarms: told.length - found };
}

/** A quarter of daily cost after eight weeks of it; with incidents of 3 to 5 times, or without any. */
export function scoreDays(kind: Kind, seed: number, hasIncidents: boolean): Score {
  const days = makeDays(kind, seed, HISTORY_DAYS + QUARTER_DAYS);
  const random = randomOf(seed + 1);
  const factor = () => 3 + 2 * random();
  const labelled = hasIncidents ? label(days, seed + 2, HISTORY_DAYS, 28, factor) : new Set<number>();
  return scoreOf(
    tellAll(days, (at) => dayBandAt(days, at), HISTORY_DAYS),
    labelled,
  );
}

/** A quarter of hourly cost after four weeks of it; with hours at 10 times, or without any. */
export function scoreHours(kind: Kind, seed: number, hasIncidents: boolean): Score {
  const hours = makeHours(kind, seed, HOUR_HISTORY_DAYS + QUARTER_DAYS);
  const from = HOUR_HISTORY_DAYS * DAY_HOURS;
  const labelled = hasIncidents ? label(hours, seed + 3, from, 14 * DAY_HOURS, () => 10) : new Set<number>();
  return scoreOf(tellAll(hours, hourBandsOf(hours), from), labelled);
}
