import { localDate, startOfDay } from '../../platform/calendar.ts';
import { formatId } from '../../platform/ids.ts';
import { type AttoUsd, readNumeric } from '../../platform/money.ts';
import type { BudgetStatus } from '../budgets/budget-status.ts';
import { listCostBudgets } from '../budgets/find-budgets.ts';
import type { Context } from '../context.ts';
import { type Exchange, exchangeMoney } from '../costs/exchange.ts';
import type { UsageFilter } from '../usage/event/usage-filter.ts';
import { budgetFilter, fitsFilter } from './budget-filter.ts';
import { partOf } from './engine/conformal.ts';
import { pointAt, type SeriesModel } from './engine/model-series.ts';
import { chanceToReach } from './engine/sum-intervals.ts';
import { type DayCosts, readDayCosts } from './read-day-costs.ts';
import { daysUntil } from './read-forecast-days.ts';
import { roundForecast, toStatistic } from './round-forecast.ts';

/** How many budgets are forecast, the nearest to their limit; each has a series of its own. */
const MAX_BUDGETS = 20;

export interface BudgetForecast {
  /** A TypeID. */
  id: string;
  limit: AttoUsd;
  /** What will be spent when the period ends; null where no cost of it is known. */
  expectedAtEnd: AttoUsd | null;
  /** From 0 to 1, that the limit is reached in this period; null where nothing is known. */
  probabilityExceeded: number | null;
  /** The local date, in the zone of the budget, on which the limit is expected to be reached in this period. */
  runsOutOn: string | null;
}

export interface BudgetsQuestion {
  filter: UsageFilter;
  level: number;
  /** The end of the forecast, which is that of budgets without a period. */
  endMs: number;
  exchange: Exchange | null;
}

/** The place of the first day on which what is left is used; null where it lasts. */
function findLastDay(model: SeriesModel, horizon: number, left: number): number | null {
  let used = 0;
  for (let h = 0; h < horizon; h++) {
    used += pointAt(model, h);
    if (partOf(left - used, left) <= 0) return h;
  }
  return null;
}

/**
 * The history of what a budget counts, and what today adds to it. A rule that counts each value on its own, and that
 * nothing has used in this period, has none.
 */
async function readBudgetCosts(context: Context, budget: BudgetStatus): Promise<DayCosts> {
  if (budget.per !== null && budget.subject === null) return { days: [], today: 0n };
  return readDayCosts(context, budgetFilter(budget), budget.timezone);
}

async function forecastBudget(context: Context, budget: BudgetStatus, question: BudgetsQuestion) {
  const { clock, seriesModeler } = context.resources;
  const { timezone: zone, period, span } = budget;
  const nowMs = clock();
  const todayMs = startOfDay(nowMs, zone);
  const endMs = period === 'total' ? Math.max(question.endMs, nowMs + 1) : span.endMs;
  const days = daysUntil(todayMs, endMs, zone);
  const [limit, spent] = [readNumeric(budget.limit), readNumeric(budget.spent)];
  const { days: history, today } = await readBudgetCosts(context, budget);
  const model = await seriesModeler.model({
    history: history.map(({ cost }) => toStatistic(cost)),
    level: question.level,
  });
  const isOver = spent >= limit;
  const runsOutToday = isOver ? localDate(todayMs, zone) : null;
  if (model.method === 'none') {
    return { limit, expectedAtEnd: null, probabilityExceeded: isOver ? 1 : null, runsOutOn: runsOutToday };
  }
  // Today counts as not yet known; what it has cost already is the least that it can cost.
  const before = spent > today ? spent - today : 0n;
  const coming = days.reduce((sum, _, h) => sum + roundForecast(pointAt(model, h)), 0n);
  const left = toStatistic(limit - before);
  const lastDay = findLastDay(model, days.length, left);
  const runsOutOn = lastDay === null ? null : localDate(days[lastDay]?.startMs ?? todayMs, zone);
  return {
    limit,
    expectedAtEnd: before + coming > spent ? before + coming : spent,
    probabilityExceeded: isOver ? 1 : chanceToReach(model, days.length, left),
    runsOutOn: runsOutToday ?? runsOutOn,
  };
}

/**
 * Forecasts the budgets in USD that fit the filter, each by the series of what it counts, in its own zone and period.
 * A budget with `per` is forecast for the subject that has used most of it.
 */
export async function forecastBudgets(context: Context, question: BudgetsQuestion): Promise<BudgetForecast[]> {
  const fitting = (await listCostBudgets(context)).filter((budget) => fitsFilter(budget, question.filter));
  const forecasts: BudgetForecast[] = [];
  // One after another, so that no request fills the queue of the modelling thread.
  for (const budget of fitting.slice(0, MAX_BUDGETS)) {
    const { limit, expectedAtEnd, ...forecast } = await forecastBudget(context, budget, question);
    forecasts.push({
      ...forecast,
      id: formatId('budget', budget.id),
      limit: exchangeMoney(limit, question.exchange),
      expectedAtEnd: expectedAtEnd === null ? null : exchangeMoney(expectedAtEnd, question.exchange),
    });
  }
  return forecasts;
}
