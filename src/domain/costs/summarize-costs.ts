import { elapsedBefore, spanAt, spanBefore, type TimeSpan } from '../../platform/calendar.ts';
import { type AttoUsd, percentOf, ratioOf } from '../../platform/money.ts';
import { requireScope } from '../access/require-scope.ts';
import type { BudgetStatus } from '../budgets/budget-status.ts';
import { listCostBudgets } from '../budgets/find-budgets.ts';
import type { Context } from '../context.ts';
import { readZone } from '../input/read-span.ts';
import { requireVisibleFilter } from '../usage/event/require-visible-filter.ts';
import type { UsageFilter } from '../usage/event/usage-filter.ts';
import { readGroupLimit, totalOf } from '../usage/summarize-usage.ts';
import { sumUsage } from '../usage/sums/sum-usage.ts';
import { checkDimensions, type Dimension } from '../usage/sums/usage-dimension.ts';
import type { UsageSums } from '../usage/sums/usage-sums.ts';

export const COST_PERIODS = ['day', 'week', 'month', 'quarter', 'year'] as const;
export type CostPeriod = (typeof COST_PERIODS)[number];

const SHARE_PLACES = 6;

export interface CostQuestion {
  period?: CostPeriod | null;
  timezone?: string | null;
  groupBy?: readonly Dimension[] | null;
  filter?: UsageFilter | null;
  limit?: number | null;
}

export interface CostGroup extends UsageSums {
  values: (string | null)[];
  /** Of each value, where it is the id of a team, an API key or a member. */
  names: (string | null)[];
  other: boolean;
  /** A decimal string from 0 to 1 with at most 6 decimals; null where the total is 0. */
  share: string | null;
}

export interface CostSummary extends TimeSpan {
  zone: string;
  groupBy: readonly Dimension[];
  total: AttoUsd;
  unpricedRequests: number;
  /** The same elapsed part of the previous period. */
  previous: TimeSpan & { total: AttoUsd };
  /** A decimal string; null where the previous total is 0. */
  changePercent: string | null;
  groups: CostGroup[];
  /** Budgets in USD that the caller may see, the fullest first. */
  budgets: BudgetStatus[];
}

/**
 * Sums the costs of the current period so far, next to the same elapsed part of the previous
 * period, and by group (by default by provider).
 * @throws AppError invalid_request, insufficient_permissions
 */
export async function summarizeCosts(context: Context, question: CostQuestion): Promise<CostSummary> {
  requireScope(context.caller, 'costs:read');
  const zone = readZone(question.timezone);
  const groupBy = question.groupBy ?? [{ name: 'provider', key: null }];
  checkDimensions(groupBy);
  const limit = readGroupLimit(question.limit);
  const filter = question.filter ?? {};
  const period = question.period ?? 'month';
  const nowMs = context.resources.clock();
  const current = spanAt(nowMs, period, zone);
  const before = spanBefore(current.startMs, period, zone);
  const previous = { startMs: before.startMs, endMs: elapsedBefore(current.startMs, nowMs, before, zone) };
  await requireVisibleFilter(context, filter);
  const sums = await sumUsage(context, { spans: [current], dimensions: groupBy, filter, limit });
  const [past] =
    previous.startMs < previous.endMs
      ? await sumUsage(context, { spans: [previous], dimensions: [], filter, limit })
      : [undefined];
  const totals = totalOf(sums);
  const pastTotal = past?.cost ?? 0n;
  const budgets = await listCostBudgets(context);
  return {
    ...current,
    zone,
    groupBy,
    total: totals.cost,
    unpricedRequests: totals.unpricedRequests,
    previous: { ...previous, total: pastTotal },
    changePercent: percentOf(totals.cost - pastTotal, pastTotal),
    budgets,
    groups: sums.map((sum) => ({ ...sum, share: ratioOf(sum.cost, totals.cost, SHARE_PLACES) })),
  };
}
