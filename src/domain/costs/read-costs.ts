import { cutSpan, type TimeSpan } from '../../platform/calendar.ts';
import { invalidField } from '../../platform/errors.ts';
import type { AttoUsd } from '../../platform/money.ts';
import type { Context } from '../context.ts';
import { type SumGroup, type SumQuestion, sumUsage } from '../usage/sums/sum-usage.ts';
import { type CostPeriodSpans, cutPeriodToKept } from './cost-period.ts';

export const TREND_INTERVALS = ['hour', 'day', 'week', 'month'] as const;
export type TrendInterval = (typeof TREND_INTERVALS)[number];

/** The maximum number of points in one trend: a month of hours, a year of days. */
export const MAX_TREND_POINTS = 750;
/** The maximum number of points in all trends of one period. */
const MAX_POINTS = 100_000;

/** What one interval of a trend cost, in USD. */
export interface TrendPoint extends TimeSpan {
  cost: AttoUsd;
  requests: number;
}

/** The values of a group, in the order of its dimensions; null: the merged group; empty: all groups together. */
export type GroupName = readonly (string | null)[] | null;

/** The sums of one period by group, and what else may be asked of the same groups. */
export interface CostRead extends CostPeriodSpans {
  /** In descending order of cost; the merged group is last. */
  groups: readonly SumGroup[];
  /** Sums of the compared part of the previous period: by group with `among`, else one in all. */
  readPrevious(): Promise<readonly SumGroup[]>;
  /**
   * Points of each group in order of time, one for each interval that has begun, read a moment after
   * `groups`.
   * @throws AppError invalid_request for more points than may be
   */
  readTrend(interval: TrendInterval, group: GroupName): Promise<TrendPoint[]>;
}

type CostReadQuestion = Omit<SumQuestion, 'spans'> & { spans: CostPeriodSpans };

function once<Key, Value>(work: (key: Key) => Promise<Value>): (key: Key) => Promise<Value> {
  const results = new Map<Key, Promise<Value>>();
  return (key) => {
    const result = results.get(key) ?? work(key);
    results.set(key, result);
    return result;
  };
}

function cutTrend({ current, zone }: CostPeriodSpans, interval: TrendInterval, groups: number): TimeSpan[] {
  try {
    const spans = cutSpan(current, interval, zone, MAX_TREND_POINTS);
    if (spans.length * groups > MAX_POINTS) throw new RangeError('too many points in all');
    return spans;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw invalidField(
      'interval',
      `gives more than ${MAX_TREND_POINTS} points, or ${MAX_POINTS} in all trends: take a longer interval or a lower limit`,
    );
  }
}

interface Trends {
  /** Of each group that has any, by the JSON of its name. */
  points: ReadonlyMap<string, TrendPoint[]>;
  none: TrendPoint[];
}

async function readTrends(
  context: Context,
  { spans: period, ...question }: CostReadQuestion,
  interval: TrendInterval,
  groups: number,
): Promise<Trends> {
  const spans = cutTrend(period, interval, groups);
  const sums = await sumUsage(context, { ...question, spans });
  const pointsOf = (rows: readonly SumGroup[]) => {
    const bySpan = new Map(rows.map((row) => [row.span, row]));
    return spans.map((span, i) => {
      const { cost = 0n, requests = 0 } = bySpan.get(i) ?? {};
      return { ...span, cost, requests };
    });
  };
  const byGroup = Map.groupBy(sums, ({ values, other }) => JSON.stringify(other ? null : values));
  return { points: new Map([...byGroup].map(([name, rows]) => [name, pointsOf(rows)])), none: pointsOf([]) };
}

/**
 * Sums the costs of a period by group. Further reads are made when they are asked for, once for all
 * groups.
 * @throws AppError invalid_request where the period needs events that retention has removed
 */
export async function readCosts(context: Context, given: CostReadQuestion): Promise<CostRead> {
  const spans = await cutPeriodToKept(context, given.spans, given);
  const question = { ...given, spans };
  const inAll = { ...question, dimensions: [] };
  const { current, previous, nowMs } = spans;
  const groups = await sumUsage(context, { ...question, spans: [current] });
  const readPrevious = async () =>
    previous.startMs < previous.endMs
      ? sumUsage(context, { ...(given.among ? question : inAll), spans: [previous] })
      : [];
  const previousGroups = once(readPrevious);
  const trendsByGroup = once((interval: TrendInterval) => readTrends(context, question, interval, groups.length));
  const trendsInAll = once((interval: TrendInterval) => readTrends(context, inAll, interval, 1));
  return {
    ...spans,
    groups,
    readPrevious: () => previousGroups(null),
    async readTrend(interval, group) {
      const { points, none } = await (group?.length === 0 ? trendsInAll : trendsByGroup)(interval);
      const all = points.get(JSON.stringify(group)) ?? none;
      return all.filter(({ startMs, requests, cost }) => startMs <= nowMs || requests !== 0 || cost !== 0n);
    },
  };
}
