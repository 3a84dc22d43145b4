export const QUARTER_HOUR_MS = 15 * 60_000;
export const DAY_MS = 24 * 60 * 60_000;

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/;

/** RFC 3339 has years of four digits. */
const EARLIEST_MS = Date.parse('0001-01-01T00:00:00.000Z');
const LATEST_MS = Date.parse('9999-12-31T23:59:59.999Z');

/** A time that was written finer than a millisecond, which is cut. */
class CutTime extends Date {}
const FINER = /\.\d{3}0*[1-9]/;
/** Milliseconds beside those that a time in the cache has, where it was cut. */
const CUT_MS = 0.5;

/**
 * Each door parses a time twice, once to check it and once to use it. Epoch milliseconds, with
 * CUT_MS more where the time was cut.
 */
const recent = new Map<string, number>();
const MAX_RECENT = 4_096;

function toTime(cachedMs: number): Date {
  const timeMs = Math.floor(cachedMs);
  return timeMs === cachedMs ? new Date(timeMs) : new CutTime(timeMs);
}

/**
 * Returns the end of a range in epoch milliseconds. What was written finer than a millisecond is
 * rounded up, so that the range has all of its last millisecond.
 */
export function endMsOf(end: Date): number {
  return end instanceof CutTime ? Math.min(end.getTime() + 1, LATEST_MS) : end.getTime();
}

/**
 * Parses an RFC 3339 time with any offset. What is finer than a millisecond is cut, see also
 * {@link endMsOf}. Returns null when the string is not one, when the date
 * does not exist, or when the time in UTC is outside the years 1 to 9999.
 */
export function parseTime(text: string): Date | null {
  const cachedMs = recent.get(text);
  if (cachedMs !== undefined) return toTime(cachedMs);
  const match = RFC3339.exec(text);
  if (!match) return null;
  const [, year, month, day, hour] = match.map(Number);
  const time = new Date(text.toUpperCase());
  const lastDay = new Date(Date.UTC(year ?? 0, month ?? 0, 0)).getUTCDate();
  if ((day ?? 0) > lastDay || (hour ?? 0) > 23) return null;
  const timeMs = time.getTime();
  if (!(timeMs >= EARLIEST_MS && timeMs <= LATEST_MS)) return null;
  if (recent.size >= MAX_RECENT) recent.clear();
  const cached = FINER.test(text) ? timeMs + CUT_MS : timeMs;
  recent.set(text, cached);
  return toTime(cached);
}
