import { Temporal } from 'temporal-polyfill';

/** Calendar units in a time zone. Weeks begin on Monday (ISO 8601). */
export const CALENDAR_UNITS = ['hour', 'day', 'week', 'month', 'quarter', 'year'] as const;
export type CalendarUnit = (typeof CALENDAR_UNITS)[number];

/** A range of time in epoch milliseconds; the start is included, the end is not. */
export interface TimeSpan {
  startMs: number;
  endMs: number;
}

/** Whether a string is an IANA time zone. Offsets are refused: they have no clock changes. */
export function isTimeZone(zone: string): boolean {
  if (!/^[A-Za-z]/.test(zone)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

function zoned(timeMs: number, zone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(timeMs).toZonedDateTimeISO(zone);
}

function startOfUnit(time: Temporal.ZonedDateTime, unit: CalendarUnit): Temporal.ZonedDateTime {
  if (unit === 'hour') return time.round({ smallestUnit: 'hour', roundingMode: 'floor' });
  const date = time.toPlainDate();
  const first =
    unit === 'day'
      ? date
      : unit === 'week'
        ? date.subtract({ days: date.dayOfWeek - 1 })
        : unit === 'month'
          ? date.with({ day: 1 })
          : unit === 'quarter'
            ? date.with({ day: 1, month: date.month - ((date.month - 1) % 3) })
            : date.with({ day: 1, month: 1 });
  // Where clocks change at midnight, the first moment of the date is not 00:00.
  return first.toZonedDateTime(time.timeZoneId);
}

const STEPS = {
  day: { days: 1 },
  week: { weeks: 1 },
  month: { months: 1 },
  quarter: { months: 3 },
  year: { years: 1 },
} as const;

function nextUnit(start: Temporal.ZonedDateTime, unit: CalendarUnit): Temporal.ZonedDateTime {
  if (unit !== 'hour') return startOfUnit(start, unit).toPlainDate().add(STEPS[unit]).toZonedDateTime(start.timeZoneId);
  // A clock change of half an hour shifts the whole hours. The next unit starts on the local hour,
  // unless that would not be later.
  const later = start.add({ hours: 1 });
  const aligned = startOfUnit(later, 'hour');
  return Temporal.ZonedDateTime.compare(aligned, start) > 0 ? aligned : later;
}

/** Returns the calendar unit that contains `timeMs` in the time zone. */
export function spanAt(timeMs: number, unit: CalendarUnit, zone: string): TimeSpan {
  const start = startOfUnit(zoned(timeMs, zone), unit);
  return { startMs: start.epochMilliseconds, endMs: nextUnit(start, unit).epochMilliseconds };
}

export function spanBefore(startMs: number, unit: CalendarUnit, zone: string): TimeSpan {
  return spanAt(startMs - 1, unit, zone);
}

/**
 * Cuts a span at the boundaries of the unit in the time zone, in order of time. The first and last
 * pieces are clipped to the span. Days have 23 or 25 hours where clocks change; pieces never
 * overlap and leave no gap.
 * @throws RangeError when there would be more than `most` pieces
 */
export function cutSpan({ startMs, endMs }: TimeSpan, unit: CalendarUnit, zone: string, most: number): TimeSpan[] {
  const pieces: TimeSpan[] = [];
  let edge = startOfUnit(zoned(startMs, zone), unit);
  for (let from = startMs; from < endMs; ) {
    if (pieces.length >= most) throw new RangeError(`more than ${most} pieces`);
    // The loop repeats when a clock change ends the first unit before `from`.
    do edge = nextUnit(edge, unit);
    while (edge.epochMilliseconds <= from);
    const to = Math.min(endMs, edge.epochMilliseconds);
    pieces.push({ startMs: from, endMs: to });
    from = to;
  }
  return pieces;
}

/** The local date of a moment, for example `2026-11-22`. */
export function localDate(timeMs: number, zone: string): string {
  return zoned(timeMs, zone).toPlainDate().toString();
}

/**
 * Returns the moment in `earlier` that is as far from its start as `nowMs` is from `startMs`, in
 * calendar days and local clock time. It is at most the end of `earlier`.
 */
export function elapsedBefore(startMs: number, nowMs: number, earlier: TimeSpan, zone: string): number {
  const elapsed = zoned(startMs, zone).until(zoned(nowMs, zone), { largestUnit: 'day' });
  return Math.min(earlier.endMs, zoned(earlier.startMs, zone).add(elapsed).epochMilliseconds);
}
