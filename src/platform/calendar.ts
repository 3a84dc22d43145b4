import { Temporal } from 'temporal-polyfill';

/** Calendar units that time is cut by, in a zone; weeks begin on Monday (ISO 8601). */
export const CALENDAR_UNITS = ['hour', 'day', 'week', 'month', 'quarter', 'year'] as const;
export type CalendarUnit = (typeof CALENDAR_UNITS)[number];

/** A stretch of time in epoch milliseconds: start included, end not. */
export interface TimeSpan {
  startMs: number;
  endMs: number;
}

/**
 * Whether a text is an IANA time zone (`Asia/Kolkata`, `UTC`). Bare offsets are not: they know no
 * clock changes.
 */
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
  // The first moment of that date: not always midnight, where clocks change then.
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
  // A clock change of half an hour moves the whole hours: fall back onto the local hour, but never
  // backwards.
  const later = start.add({ hours: 1 });
  const aligned = startOfUnit(later, 'hour');
  return Temporal.ZonedDateTime.compare(aligned, start) > 0 ? aligned : later;
}

/** The calendar unit that holds a moment, in a zone. */
export function spanAt(timeMs: number, unit: CalendarUnit, zone: string): TimeSpan {
  const start = startOfUnit(zoned(timeMs, zone), unit);
  return { startMs: start.epochMilliseconds, endMs: nextUnit(start, unit).epochMilliseconds };
}

/** The unit before the one that begins at `startMs`. */
export function spanBefore(startMs: number, unit: CalendarUnit, zone: string): TimeSpan {
  return spanAt(startMs - 1, unit, zone);
}

/**
 * Cuts a span at the unit's boundaries in the zone; the first and last pieces are clipped to it.
 * Clock changes make days of 23 or 25 hours, and the pieces always join without gap or overlap.
 * @throws RangeError when there would be more than `most` pieces
 */
export function cutSpan({ startMs, endMs }: TimeSpan, unit: CalendarUnit, zone: string, most: number): TimeSpan[] {
  const pieces: TimeSpan[] = [];
  let edge = startOfUnit(zoned(startMs, zone), unit);
  for (let from = startMs; from < endMs; ) {
    if (pieces.length >= most) throw new RangeError(`more than ${most} pieces`);
    // More than once where a clock change made the first unit end before `from`.
    do edge = nextUnit(edge, unit);
    while (edge.epochMilliseconds <= from);
    const to = Math.min(endMs, edge.epochMilliseconds);
    pieces.push({ startMs: from, endMs: to });
    from = to;
  }
  return pieces;
}

/** The local date of a moment, `2026-11-22`. */
export function localDate(timeMs: number, zone: string): string {
  return zoned(timeMs, zone).toPlainDate().toString();
}

/**
 * As far into `earlier` as `nowMs` is into the span that begins at `startMs`, by the calendar and
 * the clock on the wall; at most its end.
 */
export function elapsedBefore(startMs: number, nowMs: number, earlier: TimeSpan, zone: string): number {
  const elapsed = zoned(startMs, zone).until(zoned(nowMs, zone), { largestUnit: 'day' });
  return Math.min(earlier.endMs, zoned(earlier.startMs, zone).add(elapsed).epochMilliseconds);
}
