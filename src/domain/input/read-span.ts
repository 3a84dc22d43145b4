import { type CalendarUnit, isTimeZone, spanAt, type TimeSpan } from '../../platform/calendar.ts';
import { invalidField } from '../../platform/errors.ts';
import { endMsOf } from '../../platform/time.ts';

export interface SpanInput {
  start?: Date | null;
  end?: Date | null;
  /** An IANA time zone; the default is UTC. */
  timezone?: string | null;
}

export interface ZonedSpan extends TimeSpan {
  zone: string;
}

/** @throws AppError invalid_request when the name is not an IANA time zone */
export function readZone(timezone: string | null | undefined): string {
  const zone = timezone ?? 'UTC';
  if (!isTimeZone(zone)) throw invalidField('timezone', 'must be an IANA time zone such as Asia/Kolkata');
  return zone;
}

/**
 * Reads a time range. Without `start` and `end` it is the calendar unit (in the zone) that contains
 * now. What an end has beyond a millisecond is rounded up. With `end` alone it begins at the start of the unit that contains the last millisecond
 * before `end`.
 * @throws AppError invalid_request when the zone is invalid or the end is not after the start
 */
export function readSpan(input: SpanInput, nowMs: number, unit: CalendarUnit): ZonedSpan {
  const zone = readZone(input.timezone);
  const now = spanAt(nowMs, unit, zone);
  const endMs = input.end ? endMsOf(input.end) : now.endMs;
  const startMs = input.start?.getTime() ?? (input.end ? spanAt(endMs - 1, unit, zone).startMs : now.startMs);
  if (startMs >= endMs) throw invalidField('end', 'must be after start');
  return { startMs, endMs, zone };
}
