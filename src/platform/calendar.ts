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

const HOUR_MS = 3_600_000;
/** Lengths of units where no clock changes. */
const LENGTH_MS: ReadonlyMap<CalendarUnit, number> = new Map([
  ['hour', HOUR_MS],
  ['day', 24 * HOUR_MS],
  ['week', 7 * 24 * HOUR_MS],
]);
/** No unit is longer, however clocks change; a whole day was left out in a few places. */
const LONGEST_HOURS: Readonly<Record<CalendarUnit, number>> = {
  hour: 2,
  day: 48,
  week: 8 * 24,
  month: 32 * 24,
  quarter: 93 * 24,
  year: 367 * 24,
};

/** The fewest pieces that a span can be cut into: arithmetic, so that it costs nothing to refuse. */
export function fewestPieces({ startMs, endMs }: TimeSpan, unit: CalendarUnit): number {
  return Math.ceil((endMs - startMs) / (LONGEST_HOURS[unit] * HOUR_MS));
}

/**
 * The boundaries of units after the start of one, in order. Between two clock changes a unit is
 * added as a number; only at a change the calendar is asked, which takes a hundred times as long.
 */
function* boundariesAfter(first: Temporal.ZonedDateTime, unit: CalendarUnit): Generator<number> {
  const lengthMs = LENGTH_MS.get(unit) ?? Number.POSITIVE_INFINITY;
  for (let edge = first; ; ) {
    let edgeMs = edge.epochMilliseconds;
    // Where clocks change at its start, a unit begins later than its name says.
    const isWhole = edge.minute + edge.second === 0 && (unit === 'hour' || edge.hour === 0);
    if (isWhole && lengthMs < Number.POSITIVE_INFINITY) {
      const changeMs = edge.getTimeZoneTransition('next')?.epochMilliseconds ?? Number.POSITIVE_INFINITY;
      for (; edgeMs + lengthMs < changeMs; yield edgeMs) edgeMs += lengthMs;
    }
    edge = nextUnit(zoned(edgeMs, edge.timeZoneId), unit);
    yield edge.epochMilliseconds;
  }
}

/**
 * Cuts a span at the boundaries of the unit in the time zone, in order of time. The first and last
 * pieces are clipped to the span. Days have 23 or 25 hours where clocks change; pieces never
 * overlap and leave no gap.
 * @throws RangeError when there would be more than `most` pieces
 */
export function cutSpan(span: TimeSpan, unit: CalendarUnit, zone: string, most: number): TimeSpan[] {
  const { startMs, endMs } = span;
  const tooMany = () => new RangeError(`more than ${most} pieces`);
  if (fewestPieces(span, unit) > most) throw tooMany();
  const pieces: TimeSpan[] = [];
  let from = startMs;
  for (const edgeMs of boundariesAfter(startOfUnit(zoned(startMs, zone), unit), unit)) {
    // A clock change may end the first unit before `from`.
    if (edgeMs <= from) continue;
    if (pieces.length >= most) throw tooMany();
    const to = Math.min(endMs, edgeMs);
    pieces.push({ startMs: from, endMs: to });
    from = to;
    if (from >= endMs) break;
  }
  return pieces;
}

/** The local date of a moment, for example `2026-11-22`. */
export function localDate(timeMs: number, zone: string): string {
  return zoned(timeMs, zone).toPlainDate().toString();
}

/**
 * Returns the moment in `earlier` that is as many calendar days after its start as `nowMs` is after
 * `startMs`, at the same local clock time. Where clocks skip that time there, it is the moment as long
 * after the gap began; where they show it twice, the first. It is within `earlier`, its end included.
 */
export function elapsedBefore(startMs: number, nowMs: number, earlier: TimeSpan, zone: string): number {
  const now = zoned(nowMs, zone);
  const days = zoned(startMs, zone).toPlainDate().until(now.toPlainDate(), { largestUnit: 'day' });
  const date = zoned(earlier.startMs, zone).toPlainDate().add(days);
  const moment = date.toZonedDateTime({ timeZone: zone, plainTime: now.toPlainTime() });
  return Math.max(earlier.startMs, Math.min(earlier.endMs, moment.epochMilliseconds));
}

/** The local midnight, or the first moment of the date, `days` days after (before, if negative) the date of a moment. */
export function startOfDay(timeMs: number, zone: string, days = 0): number {
  return zoned(timeMs, zone).toPlainDate().add({ days }).toZonedDateTime(zone).epochMilliseconds;
}

/** The first moment of a local date such as `2026-11-22`; null where the string is not a date. */
export function parseLocalDate(text: string, zone: string): number | null {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return null;
  try {
    return Temporal.PlainDate.from(text, { overflow: 'reject' }).toZonedDateTime(zone).epochMilliseconds;
  } catch {
    return null;
  }
}
