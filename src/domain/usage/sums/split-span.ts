import type { TimeSpan } from '../../../platform/calendar.ts';
import { DAY_MS, QUARTER_HOUR_MS } from '../../../platform/time.ts';

/** Where the sums of a stretch of time are read from. */
export type Grain = 'event' | 'quarterHour' | 'day';

export interface GrainSpan extends TimeSpan {
  grain: Grain;
  /** -1: to be taken off, since a day that is read whole reaches beyond the span. */
  sign: 1 | -1;
}

function ceil(timeMs: number, stepMs: number): number {
  return Math.ceil(timeMs / stepMs) * stepMs;
}

function floor(timeMs: number, stepMs: number): number {
  return Math.floor(timeMs / stepMs) * stepMs;
}

function add(spans: GrainSpan[], grain: Grain, startMs: number, endMs: number): void {
  if (startMs < endMs) spans.push({ grain, startMs, endMs, sign: 1 });
  if (startMs > endMs) spans.push({ grain, startMs: endMs, endMs: startMs, sign: -1 });
}

/** The last day whose turn has a text of four digits for its year. */
const LAST_DAY_MS = Date.UTC(9999, 11, 31);

/**
 * The nearest turn of a UTC day: the same for the span that ends at a moment and for the one that
 * begins there.
 */
function nearestDay(timeMs: number): number {
  return Math.min(floor(timeMs + DAY_MS / 2, DAY_MS), LAST_DAY_MS);
}

/**
 * Cuts a span into the coarsest rollups that make it up exactly: whole UTC days in the middle;
 * between them and the span's ends quarter hours, to be added or taken off, so that a day of any
 * zone costs at most half a day of them at either end; single events at ends that lie inside a
 * quarter hour. In any order.
 */
export function splitSpan({ startMs, endMs }: TimeSpan): GrainSpan[] {
  const spans: GrainSpan[] = [];
  const firstQuarter = ceil(startMs, QUARTER_HOUR_MS);
  const lastQuarter = floor(endMs, QUARTER_HOUR_MS);
  if (firstQuarter >= lastQuarter) {
    add(spans, 'event', startMs, endMs);
    return spans;
  }
  add(spans, 'event', startMs, firstQuarter);
  add(spans, 'event', lastQuarter, endMs);
  const firstDay = nearestDay(firstQuarter);
  const lastDay = nearestDay(lastQuarter);
  const stripsMs = Math.abs(firstQuarter - firstDay) + Math.abs(lastQuarter - lastDay);
  if (firstDay >= lastDay || stripsMs >= lastQuarter - firstQuarter) {
    add(spans, 'quarterHour', firstQuarter, lastQuarter);
    return spans;
  }
  add(spans, 'quarterHour', firstQuarter, firstDay);
  add(spans, 'day', firstDay, lastDay);
  add(spans, 'quarterHour', lastDay, lastQuarter);
  return spans;
}
