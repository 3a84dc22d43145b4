import { type CalendarUnit, isTimeZone, spanAt, type TimeSpan } from '../../platform/calendar.ts';
import { invalidField } from '../../platform/errors.ts';

/** A range of time as callers give it. */
export interface SpanInput {
  start?: Date | null;
  end?: Date | null;
  /** IANA name, default UTC. */
  timezone?: string | null;
}

export interface ZonedSpan extends TimeSpan {
  zone: string;
}

/** @throws AppError invalid_request when the name is not an IANA zone */
export function readZone(timezone: string | null | undefined): string {
  const zone = timezone ?? 'UTC';
  if (!isTimeZone(zone)) throw invalidField('timezone', 'must be an IANA time zone such as Asia/Kolkata');
  return zone;
}

/**
 * The range asked for; by default the calendar unit (in the zone) that holds now. An end alone is
 * the end of a range that starts with its own unit.
 * @throws AppError invalid_request for a bad zone, or an end that is not after the start
 */
export function readSpan(input: SpanInput, nowMs: number, unit: CalendarUnit): ZonedSpan {
  const zone = readZone(input.timezone);
  const now = spanAt(nowMs, unit, zone);
  const endMs = input.end?.getTime() ?? now.endMs;
  const startMs = input.start?.getTime() ?? (input.end ? spanAt(endMs - 1, unit, zone).startMs : now.startMs);
  if (startMs >= endMs) throw invalidField('end', 'must be after start');
  return { startMs, endMs, zone };
}
