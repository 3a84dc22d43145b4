import { type Period, periodOf, type Span } from '../pure/calendar-oracle.ts';

/** What costs say of an event, computed with Intl and BigInt alone: nothing of it is shared with the server. */
export interface Spent {
  timeMs: number;
  provider: string;
  model: string;
  userId: string | null;
  env: string | null;
  /** Whole numbers of 10^-18 USD; null: unknown. */
  cost: bigint | null;
  tokens: number;
}

const DAY_MS = 86_400_000;
const formats = new Map<string, Intl.DateTimeFormat>();

/** What a clock on a wall of the zone shows, as if that were UTC. */
export function wallClock(timeMs: number, zone: string): number {
  let format = formats.get(zone);
  if (!format) {
    const digits = '2-digit';
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: digits,
      day: digits,
      hour: digits,
      minute: digits,
      second: digits,
    });
    formats.set(zone, format);
  }
  const parts = new Map(format.formatToParts(timeMs).map(({ type, value }) => [type, Number(value)]));
  const of = (name: string) => parts.get(name as Intl.DateTimeFormatPartTypes) ?? 0;
  const ms = ((timeMs % 1000) + 1000) % 1000;
  return Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'), ms);
}

/** The first moment at which the wall clock shows this; where it never does, as long after the gap's begin. */
function momentOf(wallMs: number, zone: string): number {
  const offsets = [wallMs - DAY_MS, wallMs + DAY_MS].map((nearMs) => wallClock(nearMs, zone) - nearMs);
  const moments = offsets.map((offset) => wallMs - offset).sort((a, b) => a - b);
  const shown = moments.filter((moment) => wallClock(moment, zone) === wallMs);
  return shown[0] ?? wallMs - (offsets[0] ?? 0);
}

export interface Compared {
  current: Span;
  previous: Span;
}

/** The period of a moment, and the part of the one before that has as many days and the same clock time. */
export function comparedAt(nowMs: number, period: Exclude<Period, 'total'>, zone: string): Compared {
  const current = periodOf(nowMs, period, zone);
  const before = periodOf(current.startMs - 1, period, zone);
  const dayOf = (timeMs: number) => Math.floor(wallClock(timeMs, zone) / DAY_MS);
  const days = dayOf(nowMs) - dayOf(current.startMs);
  const clockMs = ((wallClock(nowMs, zone) % DAY_MS) + DAY_MS) % DAY_MS;
  const moment = momentOf((dayOf(before.startMs) + days) * DAY_MS + clockMs, zone);
  const endMs = Math.max(before.startMs, Math.min(before.endMs, moment));
  return { current, previous: { startMs: before.startMs, endMs } };
}

export function within(events: readonly Spent[], { startMs, endMs }: Span): Spent[] {
  return events.filter(({ timeMs }) => timeMs >= startMs && timeMs < endMs);
}

export function costOf(events: readonly Spent[]): bigint {
  return events.reduce((sum, { cost }) => sum + (cost ?? 0n), 0n);
}
