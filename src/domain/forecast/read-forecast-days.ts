import { cutSpan, parseLocalDate, spanAt, startOfDay, type TimeSpan } from '../../platform/calendar.ts';
import { invalidRequest } from '../../platform/errors.ts';
import { endMsOf, parseTime } from '../../platform/time.ts';

/** How far ahead a forecast goes. */
export const MAX_HORIZON_DAYS = 365;

/** The end of a forecast: one of the two, or none for the end of the month. */
export interface ForecastEnd {
  /** A date such as `2026-12-31`, or an RFC 3339 time; excluded. */
  until?: string | null;
  horizonDays?: number | null;
}

const UNTIL = `must be a date such as 2026-12-31 or an RFC 3339 time, after today and at most ${MAX_HORIZON_DAYS} days ahead`;

function readUntil(until: string, todayMs: number, zone: string): number {
  const time = parseTime(until);
  const endMs = time ? endMsOf(time) : parseLocalDate(until, zone);
  const lastMs = startOfDay(todayMs, zone, MAX_HORIZON_DAYS);
  if (endMs !== null && endMs > todayMs && endMs <= lastMs) return endMs;
  throw invalidRequest([{ path: 'until', message: UNTIL }]);
}

function readEnd({ until, horizonDays }: ForecastEnd, todayMs: number, zone: string): number {
  if (until !== undefined && until !== null) {
    if (horizonDays === undefined || horizonDays === null) return readUntil(until, todayMs, zone);
    throw invalidRequest(
      ['until', 'horizonDays'].map((path) => ({ path, message: 'give until or horizon_days, not both' })),
    );
  }
  if (horizonDays === undefined || horizonDays === null) return spanAt(todayMs, 'month', zone).endMs;
  if (horizonDays >= 1 && horizonDays <= MAX_HORIZON_DAYS) return startOfDay(todayMs, zone, horizonDays);
  throw invalidRequest([{ path: 'horizonDays', message: `must be from 1 to ${MAX_HORIZON_DAYS}` }]);
}

/**
 * The local days from today on that are forecast, in order of time; the last one holds the last
 * millisecond before the end.
 * @throws AppError invalid_request naming `until` or `horizonDays`
 */
export function readForecastDays(end: ForecastEnd, nowMs: number, zone: string): TimeSpan[] {
  const todayMs = startOfDay(nowMs, zone);
  return daysUntil(todayMs, readEnd(end, todayMs, zone), zone);
}

/** The whole local days from the start of one on, until all of the time before `endMs` is in them. */
export function daysUntil(startMs: number, endMs: number, zone: string): TimeSpan[] {
  const whole = { startMs, endMs: spanAt(endMs - 1, 'day', zone).endMs };
  return cutSpan(whole, 'day', zone, MAX_HORIZON_DAYS + 2);
}
