import { localDate, spanAt } from '../../platform/calendar.ts';
import { invalidField } from '../../platform/errors.ts';
import type { AttoUsd } from '../../platform/money.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import { type Exchange, exchangeMoney, findExchange } from '../costs/exchange.ts';
import { readZone } from '../input/read-span.ts';
import { requireVisibleFilter } from '../usage/event/require-visible-filter.ts';
import type { UsageFilter } from '../usage/event/usage-filter.ts';
import type { Interval } from './engine/conformal.ts';
import { forecastDays } from './engine/day-intervals.ts';
import type { Accuracy } from './engine/judge-model.ts';
import type { ForecastMethod } from './engine/model-series.ts';
import { forecastSum } from './engine/sum-intervals.ts';
import { type BudgetForecast, forecastBudgets } from './forecast-budgets.ts';
import { readDayCosts } from './read-day-costs.ts';
import { type ForecastEnd, readForecastDays } from './read-forecast-days.ts';
import { roundForecast, toStatistic } from './round-forecast.ts';

export const FORECAST_LEVEL = { default: 0.9, min: 0.5, max: 0.99 } as const;

export interface ForecastQuestion extends ForecastEnd {
  /** The probability of the intervals: a decimal string from 0.5 to 0.99; default 0.9. */
  level?: string | null;
  timezone?: string | null;
  filter?: UsageFilter | null;
  currency?: string | null;
}

/** Amounts in the currency that was asked for; null where nothing is known. */
export interface ForecastAmounts {
  expected: AttoUsd | null;
  lower: AttoUsd | null;
  upper: AttoUsd | null;
}

export interface ForecastDay extends ForecastAmounts {
  /** A local date, such as `2026-11-22`. */
  date: string;
}

export interface CostForecast {
  method: ForecastMethod;
  level: number;
  zone: string;
  exchange: Exchange | null;
  /** Complete days that the forecast is made of, from the first one with a known cost on; at most 182. */
  historyDays: number;
  /** What this month has cost up to yesterday: exact. */
  actualToDate: AttoUsd;
  /** `actualToDate` and the days of `data`. */
  total: ForecastAmounts;
  days: ForecastDay[];
  accuracy: Accuracy;
  budgets: BudgetForecast[];
}

const NOTHING: ForecastAmounts = { expected: null, lower: null, upper: null };

function readLevel(given: string | null | undefined): number {
  const level = Number(given ?? FORECAST_LEVEL.default);
  if (level >= FORECAST_LEVEL.min && level <= FORECAST_LEVEL.max) return level;
  throw invalidField('level', `must be from ${FORECAST_LEVEL.min} to ${FORECAST_LEVEL.max}`);
}

function roundInterval({ expected, lower, upper }: Interval): Record<keyof Interval, AttoUsd> {
  return { expected: roundForecast(expected), lower: roundForecast(lower), upper: roundForecast(upper) };
}

/** The expected total is the sum of what is said of the days, to the last digit; its bounds stay around it. */
function totalOf(actual: AttoUsd, days: readonly AttoUsd[], sum: Interval): Record<keyof Interval, AttoUsd> {
  const expected = days.reduce((total, day) => total + day, 0n);
  const { lower, upper } = roundInterval(sum);
  return {
    expected: actual + expected,
    lower: actual + (lower < expected ? lower : expected),
    upper: actual + (upper > expected ? upper : expected),
  };
}

/**
 * Forecasts costs from today, which counts as not yet known, to the end of the month or the end that is asked for, and
 * what that means for budgets. Expected amounts and bounds are rounded to 6 significant digits, or to cents where that
 * is finer.
 * @throws AppError invalid_request, insufficient_permissions, unavailable
 */
export async function forecastCosts(context: Context, question: ForecastQuestion): Promise<CostForecast> {
  requireScope(context.caller, 'costs:read');
  const { clock, config, seriesModeler } = context.resources;
  const zone = readZone(question.timezone);
  const level = readLevel(question.level);
  const exchange = findExchange(config, question.currency);
  const filter = question.filter ?? {};
  const nowMs = clock();
  const spans = readForecastDays(question, nowMs, zone);
  await requireVisibleFilter(context, filter);
  const { days: history } = await readDayCosts(context, filter, zone);
  const model = await seriesModeler.model({ history: history.map(({ cost }) => toStatistic(cost)), level });
  const month = spanAt(nowMs, 'month', zone);
  const actual = history.reduce((sum, { startMs, cost }) => (startMs >= month.startMs ? sum + cost : sum), 0n);
  const isKnown = model.method !== 'none';
  const days = isKnown ? forecastDays(model, spans.length, level).map(roundInterval) : spans.map(() => NOTHING);
  const exchanged = <T extends ForecastAmounts>(amounts: T): T => {
    const { expected, lower, upper } = amounts;
    const toCurrency = (amount: AttoUsd | null) => (amount === null ? null : exchangeMoney(amount, exchange));
    return { ...amounts, expected: toCurrency(expected), lower: toCurrency(lower), upper: toCurrency(upper) };
  };
  const expected = days.map((day) => day.expected ?? 0n);
  const total = isKnown ? totalOf(actual, expected, forecastSum(model, spans.length, level)) : NOTHING;
  return {
    method: model.method,
    level,
    zone,
    exchange,
    historyDays: model.historyDays,
    actualToDate: exchangeMoney(actual, exchange),
    total: exchanged(total),
    days: days.map((day, i) => exchanged({ ...day, date: localDate(spans[i]?.startMs ?? 0, zone) })),
    accuracy: model.accuracy,
    budgets: await forecastBudgets(context, { filter, level, endMs: spans.at(-1)?.endMs ?? nowMs, exchange }),
  };
}
