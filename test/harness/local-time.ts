/** Calendar units computed with Intl alone, so that tests share no code with the server. */
export type Unit = 'none' | 'hour' | 'day' | 'week' | 'month';

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  const cached = formats.get(zone);
  if (cached) return cached;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    timeZoneName: 'longOffset',
  });
  formats.set(zone, format);
  return format;
}

const DAY_MS = 86_400_000;

/**
 * Names the unit that contains a moment in a zone: two moments are in the same unit when their
 * names are equal. An hour that occurs twice because of a clock change counts as two hours.
 */
export function unitName(timeMs: number, unit: Unit, zone: string): string {
  if (unit === 'none') return '';
  const parts = Object.fromEntries(
    formatOf(zone)
      .formatToParts(timeMs)
      .map(({ type, value }) => [type, value]),
  );
  const date = `${parts.year}-${parts.month}-${parts.day}`;
  if (unit === 'hour') return `${date} ${parts.hour} ${parts.timeZoneName}`;
  if (unit === 'day') return date;
  if (unit === 'month') return date.slice(0, 7);
  const noon = Date.parse(`${date}T12:00:00Z`);
  const sinceMonday = (new Date(noon).getUTCDay() + 6) % 7;
  return new Date(noon - sinceMonday * DAY_MS).toISOString().slice(0, 10);
}
