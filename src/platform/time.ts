const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/;

/** Reads an RFC 3339 time with any offset; null when it is none, or no date of the calendar. */
export function parseTime(text: string): Date | null {
  const match = RFC3339.exec(text);
  if (!match) return null;
  const [, year, month, day, hour] = match.map(Number);
  const time = new Date(text.toUpperCase());
  const lastDay = new Date(Date.UTC(year ?? 0, month ?? 0, 0)).getUTCDate();
  return Number.isNaN(time.getTime()) || (day ?? 0) > lastDay || (hour ?? 0) > 23 ? null : time;
}
