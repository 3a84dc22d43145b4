import type { TimeSpan } from '../../platform/calendar.ts';

export const QUARTER_HOUR_MS = 15 * 60_000;
export const DAY_MS = 24 * 60 * 60_000;

/** Where the sums of a stretch of time are read from. */
export type Grain = 'event' | 'quarterHour' | 'day';

export interface GrainSpan extends TimeSpan {
  grain: Grain;
}

function ceil(timeMs: number, stepMs: number): number {
  return Math.ceil(timeMs / stepMs) * stepMs;
}

function floor(timeMs: number, stepMs: number): number {
  return Math.floor(timeMs / stepMs) * stepMs;
}

function add(spans: GrainSpan[], grain: Grain, startMs: number, endMs: number): void {
  if (startMs < endMs) spans.push({ grain, startMs, endMs });
}

/**
 * Cuts a span into the coarsest rollups that tile it exactly: whole UTC days in the middle, quarter hours around
 * them, single events at ends that lie inside a quarter hour. The pieces join without gap or overlap, in any order.
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
  const firstDay = ceil(firstQuarter, DAY_MS);
  const lastDay = floor(lastQuarter, DAY_MS);
  if (firstDay >= lastDay) {
    add(spans, 'quarterHour', firstQuarter, lastQuarter);
    return spans;
  }
  add(spans, 'quarterHour', firstQuarter, firstDay);
  add(spans, 'day', firstDay, lastDay);
  add(spans, 'quarterHour', lastDay, lastQuarter);
  return spans;
}
