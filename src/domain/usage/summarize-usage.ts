import { type CalendarUnit, cutSpan, fewestPieces, spanAt, type TimeSpan } from '../../platform/calendar.ts';
import { invalidField } from '../../platform/errors.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import { USAGE_LIMITS } from '../input/limits.ts';
import { readSpan, type SpanInput } from '../input/read-span.ts';
import { requireVisibleFilter } from './event/require-visible-filter.ts';
import type { UsageFilter } from './event/usage-filter.ts';
import { type SumGroup, sumUsage } from './sums/sum-usage.ts';
import { checkDimensions, type Dimension } from './sums/usage-dimension.ts';
import { addSums, type UsageSums, zeroSums } from './sums/usage-sums.ts';

export const INTERVALS = ['none', 'hour', 'day', 'week', 'month'] as const satisfies readonly ('none' | CalendarUnit)[];
export type Interval = (typeof INTERVALS)[number];

export const GROUP_LIMIT = { default: 100, max: 1_000 } as const;
/** The maximum number of intervals in one answer: over a year of hours. */
export const MAX_INTERVALS = 10_000;

export interface UsageQuestion extends SpanInput {
  interval?: Interval | null;
  groupBy?: readonly Dimension[] | null;
  filter?: UsageFilter | null;
  limit?: number | null;
}

/** The sums of one group in one interval of time. */
export interface UsageSummaryGroup extends UsageSums, TimeSpan {
  values: (string | null)[];
  /** Of each value, where it is the id of a team, an API key or a member. */
  names: (string | null)[];
  other: boolean;
}

export interface UsageSummary extends TimeSpan {
  zone: string;
  interval: Interval;
  groupBy: readonly Dimension[];
  totals: UsageSums;
  /** By interval, then by cost. Intervals without usage are left out. */
  groups: UsageSummaryGroup[];
}

/**
 * The part of a range that may hold events, to the boundaries of its intervals: nothing is recorded
 * before 1970 or far ahead of the clock, and intervals without usage are left out.
 */
function withEvents({ startMs, endMs }: TimeSpan, interval: CalendarUnit, zone: string, nowMs: number): TimeSpan {
  const first = spanAt(0, interval, zone).startMs;
  const last = spanAt(nowMs + USAGE_LIMITS.aheadMs, interval, zone).endMs;
  return { startMs: Math.max(startMs, first), endMs: Math.min(endMs, last) };
}

function cut(span: TimeSpan, interval: Interval, zone: string, nowMs: number): TimeSpan[] {
  if (interval === 'none') return [span];
  try {
    if (fewestPieces(span, interval) > MAX_INTERVALS) throw new RangeError('more intervals than may be');
    const part = withEvents(span, interval, zone, nowMs);
    return part.startMs < part.endMs ? cutSpan(part, interval, zone, MAX_INTERVALS) : [span];
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw invalidField('interval', `gives more than ${MAX_INTERVALS} intervals over this range`);
  }
}

/** The limit on groups. @throws AppError invalid_request outside 1 to 1,000 */
export function readGroupLimit(limit: number | null | undefined): number {
  const value = limit ?? GROUP_LIMIT.default;
  if (value < 1 || value > GROUP_LIMIT.max) throw invalidField('limit', `must be from 1 to ${GROUP_LIMIT.max}`);
  return value;
}

/** Sums over groups, which are all there is: what they add up to is the total. */
export function totalOf(groups: readonly SumGroup[]): UsageSums {
  const totals = zeroSums();
  for (const group of groups) addSums(totals, group);
  return totals;
}

/**
 * Usage totals, by interval and group. The sum over the groups is the total, and both are the sum
 * over the events, to the last digit.
 * @throws AppError invalid_request, insufficient_permissions
 */
export async function summarizeUsage(context: Context, question: UsageQuestion): Promise<UsageSummary> {
  requireScope(context.caller, 'usage:read');
  const nowMs = context.resources.clock();
  const { zone, startMs, endMs } = readSpan(question, nowMs, 'month');
  const interval = question.interval ?? 'none';
  const groupBy = question.groupBy ?? [];
  checkDimensions(groupBy);
  const limit = readGroupLimit(question.limit);
  await requireVisibleFilter(context, question.filter);
  const spans = cut({ startMs, endMs }, interval, zone, nowMs);
  const sums = await sumUsage(context, { spans, dimensions: groupBy, filter: question.filter ?? {}, limit });
  const groups = sums.map((sum): UsageSummaryGroup => {
    const span = spans[sum.span];
    if (!span) throw new Error('a sum of no span');
    return { ...sum, ...span };
  });
  return { startMs, endMs, zone, interval, groupBy, totals: totalOf(sums), groups };
}
