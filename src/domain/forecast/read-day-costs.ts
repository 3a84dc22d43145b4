import { cutSpan, startOfDay, type TimeSpan } from '../../platform/calendar.ts';
import type { AttoUsd } from '../../platform/money.ts';
import { DAY_MS } from '../../platform/time.ts';
import type { Context } from '../context.ts';
import type { UsageFilter } from '../usage/event/usage-filter.ts';
import { sumUsage } from '../usage/sums/sum-usage.ts';
import { HISTORY_DAYS } from './engine/rolling-forecasts.ts';

/** What the days before today cost. */
export interface DayCosts {
  /** Complete local days up to yesterday, from the first one with a known cost on; at most 182. */
  days: (TimeSpan & { cost: AttoUsd })[];
  /** What today has cost so far. */
  today: AttoUsd;
}

/**
 * By user or tag, sums exist for whole UTC days; days of other zones need single events, which
 * retention removes. There the history begins where they do.
 */
async function keptFrom(context: Context, filter: UsageFilter, days: readonly TimeSpan[]): Promise<number> {
  const needsEvents = Boolean(filter.userId) || (filter.tags?.length ?? 0) > 0;
  if (!needsEvents || days.every(({ startMs }) => startMs % DAY_MS === 0)) return 0;
  const { caller, resources } = context;
  const { rows } = await resources.database.pool.query<{ retired_before: Date | null }>(
    'SELECT retired_before FROM organizations WHERE id = $1',
    [caller.organization.id],
  );
  return rows[0]?.retired_before?.getTime() ?? 0;
}

/**
 * The costs of the local days of the last half year, as far as they are what the caller may see.
 * Days without a request with a known cost are 0, unless they are before the first one that has.
 * @throws AppError invalid_request for an invalid filter, unavailable when it takes too long
 */
export async function readDayCosts(context: Context, filter: UsageFilter, zone: string): Promise<DayCosts> {
  const nowMs = context.resources.clock();
  const [startMs, endMs] = [startOfDay(nowMs, zone, -HISTORY_DAYS), startOfDay(nowMs, zone, 1)];
  const all = cutSpan({ startMs, endMs }, 'day', zone, HISTORY_DAYS + 2);
  const from = await keptFrom(context, filter, all);
  const spans = all.filter((span) => span.startMs >= from);
  const sums = await sumUsage(context, { spans, dimensions: [], filter, limit: 1 });
  const bySpan = new Map(sums.map((sum) => [sum.span, sum]));
  const isPriced = (span: number) => {
    const sum = bySpan.get(span);
    return sum !== undefined && (sum.requests > sum.unpricedRequests || sum.cost !== 0n);
  };
  const first = spans.findIndex((_, span) => isPriced(span));
  const costs = spans.map((span, i) => ({ ...span, cost: bySpan.get(i)?.cost ?? 0n }));
  const days = first < 0 ? [] : costs.slice(first, -1);
  return { days, today: costs.at(-1)?.cost ?? 0n };
}
