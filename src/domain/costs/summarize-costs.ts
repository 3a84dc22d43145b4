import type { TimeSpan } from '../../platform/calendar.ts';
import { type AttoUsd, formatMoney, percentOf, ratioOf, readNumeric } from '../../platform/money.ts';
import { requireScope } from '../access/require-scope.ts';
import type { BudgetStatus } from '../budgets/budget-status.ts';
import { listCostBudgets } from '../budgets/find-budgets.ts';
import type { Context } from '../context.ts';
import { readZone } from '../input/read-span.ts';
import { requireVisibleFilter } from '../usage/event/require-visible-filter.ts';
import type { UsageFilter } from '../usage/event/usage-filter.ts';
import { readGroupLimit, totalOf } from '../usage/summarize-usage.ts';
import type { SumGroup } from '../usage/sums/sum-usage.ts';
import { checkDimensions, type Dimension } from '../usage/sums/usage-dimension.ts';
import { type CostPeriod, periodSpansAt } from './cost-period.ts';
import { type Exchange, exchangeMoney, findExchange } from './exchange.ts';
import { type CostRead, readCosts } from './read-costs.ts';

const SHARE_PLACES = 6;

export interface CostQuestion {
  period?: CostPeriod | null;
  timezone?: string | null;
  /** ISO 4217 code of a currency with a configured rate; default USD. */
  currency?: string | null;
  groupBy?: readonly Dimension[] | null;
  filter?: UsageFilter | null;
  limit?: number | null;
}

/** The costs of one group; `cost` is in the currency that was asked for. */
export interface CostGroup extends SumGroup {
  /** A decimal string from 0 to 1 with at most 6 decimals; null where the total is 0. */
  share: string | null;
}

export interface CostBudget extends Pick<BudgetStatus, 'id' | 'name' | 'percent'> {
  limit: string;
  spent: string;
}

/** Amounts are in the currency that was asked for, each exchanged after summing. */
export interface CostSummary extends TimeSpan {
  zone: string;
  /** Null: the currency is USD. */
  exchange: Exchange | null;
  groupBy: readonly Dimension[];
  total: AttoUsd;
  unpricedRequests: number;
  /** The same elapsed part of the previous period. */
  previous: TimeSpan & { total: AttoUsd };
  /** A decimal string; null where the previous total is 0. */
  changePercent: string | null;
  groups: CostGroup[];
  /** Budgets in USD that the caller may see, the fullest first. */
  budgets: CostBudget[];
  read: CostRead;
}

/**
 * Sums the costs of the current period so far, next to the same elapsed part of the previous
 * period, and by group (by default by provider).
 * @throws AppError invalid_request, insufficient_permissions
 */
export async function summarizeCosts(context: Context, question: CostQuestion): Promise<CostSummary> {
  const { caller, resources } = context;
  requireScope(caller, 'costs:read');
  const zone = readZone(question.timezone);
  const exchange = findExchange(resources.config, question.currency);
  const dimensions = question.groupBy ?? [{ name: 'provider', key: null }];
  checkDimensions(dimensions);
  const limit = readGroupLimit(question.limit);
  const filter = question.filter ?? {};
  const spans = periodSpansAt(resources.clock(), question.period ?? 'month', zone);
  await requireVisibleFilter(context, filter);
  const read = await readCosts(context, { spans, dimensions, filter, limit });
  const totals = totalOf(read.groups);
  const past = totalOf(await read.readPrevious());
  const budgets = await listCostBudgets(context);
  const exchanged = (decimal: string) => formatMoney(exchangeMoney(readNumeric(decimal), exchange));
  return {
    ...read.current,
    zone,
    exchange,
    groupBy: dimensions,
    total: exchangeMoney(totals.cost, exchange),
    unpricedRequests: totals.unpricedRequests,
    previous: { ...read.previous, total: exchangeMoney(past.cost, exchange) },
    changePercent: percentOf(totals.cost - past.cost, past.cost),
    budgets: budgets.map(({ id, name, limit, spent, percent }) => {
      return { id, name, percent, limit: exchanged(limit), spent: exchanged(spent) };
    }),
    groups: read.groups.map((group) => ({
      ...group,
      cost: exchangeMoney(group.cost, exchange),
      share: ratioOf(group.cost, totals.cost, SHARE_PLACES),
    })),
    read,
  };
}
