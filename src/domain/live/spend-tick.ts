import type { TimeSpan } from '../../platform/calendar.ts';
import type { UsageSums } from '../usage/sums/usage-sums.ts';

/** What was spent in a calendar period, at a moment. */
export interface SpendTick extends TimeSpan {
  atMs: number;
  totals: UsageSums;
}

/** Whether two ticks tell the same, whenever they were summed. */
export function isSameSpend(a: SpendTick, b: SpendTick): boolean {
  if (a.startMs !== b.startMs || a.endMs !== b.endMs) return false;
  const keys = Object.keys(a.totals) as (keyof UsageSums)[];
  return keys.every((key) => a.totals[key] === b.totals[key]);
}
