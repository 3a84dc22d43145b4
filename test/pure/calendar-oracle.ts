/**
 * Calendar periods of a zone, found by asking Intl alone what date it is: nothing of it is shared
 * with the server.
 */
export type Period = 'day' | 'week' | 'month' | 'quarter' | 'year' | 'total';

export interface Span {
  startMs: number;
  endMs: number;
}

const DAY_MS = 86_400_000;
/** Longer than any period of that name. */
const REACH_DAYS = { day: 2, week: 9, month: 33, quarter: 95, year: 368 } as const;
export const ALL_TIME: Span = { startMs: 0, endMs: Date.UTC(9999, 11, 31) };

const formats = new Map<string, Intl.DateTimeFormat>();

function localDate(timeMs: number, zone: string): { year: number; month: number; day: number } {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', { timeZone: zone, year: 'numeric', month: 'numeric', day: 'numeric' });
    formats.set(zone, format);
  }
  const [month = 0, day = 0, year = 0] = format.format(timeMs).split('/').map(Number);
  return { year, month, day };
}

/** Two moments are in the same period when their names are equal. */
function nameOf(timeMs: number, period: Exclude<Period, 'total'>, zone: string): string {
  const { year, month, day } = localDate(timeMs, zone);
  if (period === 'year') return `${year}`;
  if (period === 'quarter') return `${year} ${Math.ceil(month / 3)}`;
  if (period === 'month') return `${year} ${month}`;
  const date = Date.UTC(year, month - 1, day);
  if (period === 'day') return `${date}`;
  return `${date - ((new Date(date).getUTCDay() + 6) % 7) * DAY_MS}`;
}

/**
 * The first moment in (outside, inside] where it is so, by halves: it is at `inside`, and not at
 * `outside`.
 */
function edge(outside: number, inside: number, isSo: (timeMs: number) => boolean): number {
  let [no, yes] = [outside, inside];
  while (Math.abs(yes - no) > 1) {
    const middle = Math.floor((no + yes) / 2);
    if (isSo(middle)) yes = middle;
    else no = middle;
  }
  return yes;
}

const known = new Map<string, Span[]>();

export function periodOf(timeMs: number, period: Period, zone: string): Span {
  if (period === 'total') return ALL_TIME;
  const key = `${period} ${zone}`;
  const spans = known.get(key) ?? [];
  known.set(key, spans);
  const found = spans.find(({ startMs, endMs }) => startMs <= timeMs && timeMs < endMs);
  if (found) return found;
  const name = nameOf(timeMs, period, zone);
  const isSame = (time: number) => nameOf(time, period, zone) === name;
  const reachMs = REACH_DAYS[period] * DAY_MS;
  const span = {
    startMs: edge(timeMs - reachMs, timeMs, isSame),
    endMs: edge(timeMs, timeMs + reachMs, (time) => !isSame(time)),
  };
  spans.push(span);
  return span;
}
