import { BASE_CURRENCY, type Exchange, exchangeMoney } from '../../domain/costs/exchange.ts';
import {
  type CostRead,
  type GroupName,
  MAX_TREND_POINTS,
  TREND_INTERVALS,
  type TrendInterval,
  type TrendPoint,
} from '../../domain/costs/read-costs.ts';
import type { TimeSpan } from '../../platform/calendar.ts';
import { type AttoUsd, formatMoney } from '../../platform/money.ts';
import { builder } from '../builder/builder.ts';
import { REQUESTS_DESCRIPTION } from '../usage/usage-summary.ts';

export const CURRENCY_ARGUMENT_DESCRIPTION =
  'ISO 4217 code of the currency of all amounts: USD (the default), or one that has a rate in the configuration of the ' +
  'server. Amounts are summed in USD, multiplied exactly and rounded half to even at 18 places.';
export const CHANGE_PERCENT_DESCRIPTION =
  'The change from the previous total to this one, in percent, rounded to 2 decimal places, for display. Null where the ' +
  'previous total is 0.';

export const ExchangeRef = builder.objectRef<Exchange>('Exchange').implement({
  description: 'The rate that amounts were converted with.',
  fields: (t) => ({
    rate: t.exposeString('rate', { description: 'Units of the currency for one USD: a decimal string.' }),
    date: t.exposeString('date', { description: 'The day of the rate, such as `2026-11-27`.' }),
    source: t.string({ description: 'Always `configuration`.', resolve: () => 'configuration' }),
  }),
});

/** What the amounts of an answer are in. */
export function currencyOf(exchange: Exchange | null): string {
  return exchange?.currency ?? BASE_CURRENCY;
}

export const CURRENCY_DESCRIPTION = 'ISO 4217 code of the currency of all amounts here.';
export const EXCHANGE_DESCRIPTION = 'The rate that the amounts were converted with; null for USD.';

export const PreviousRef = builder.objectRef<TimeSpan & { total: AttoUsd }>('PreviousCosts').implement({
  description: 'The costs of the previous period, up to the point that the current period has reached.',
  fields: (t) => ({
    start: t.field({
      type: 'DateTime',
      description: 'Start of the previous period, included.',
      resolve: (previous) => new Date(previous.startMs),
    }),
    end: t.field({
      type: 'DateTime',
      description:
        'End of the compared part of the previous period, excluded: as many days after its start, at the same local clock ' +
        'time. Where retention has removed single events, both ends are cut to what sums are kept of.',
      resolve: (previous) => new Date(previous.endMs),
    }),
    total: t.field({
      type: 'Decimal',
      description: 'The cost in `currency`.',
      resolve: (previous) => formatMoney(previous.total),
    }),
  }),
});

const IntervalEnum = builder.enumType('CostInterval', {
  description: 'Calendar interval of a trend, in the time zone that is asked for.',
  values: Object.fromEntries(
    TREND_INTERVALS.map((interval) => [interval.toUpperCase(), { value: interval }]),
  ) as Record<string, { value: TrendInterval }>,
});

const TrendPointRef = builder.objectRef<TrendPoint>('CostTrendPoint').implement({
  description: 'The costs of one interval.',
  fields: (t) => ({
    start: t.field({
      type: 'DateTime',
      description: 'Start of the interval, included.',
      resolve: (point) => new Date(point.startMs),
    }),
    end: t.field({
      type: 'DateTime',
      description: 'End of the interval, excluded.',
      resolve: (point) => new Date(point.endMs),
    }),
    cost: t.field({
      type: 'Decimal',
      description: 'The cost in `currency`.',
      resolve: (point) => formatMoney(point.cost),
    }),
    requests: t.expose('requests', { type: 'SafeInt', description: REQUESTS_DESCRIPTION }),
  }),
});

/** Whose trend is asked for. */
export interface TrendSource {
  read: CostRead;
  name: GroupName;
  exchange: Exchange | null;
}

/** The type and the arguments of a trend, as a field of whatever has costs. */
export const TREND_TYPE: [typeof TrendPointRef] = [TrendPointRef];
export const TREND_ARGUMENTS = builder.args((t) => ({
  interval: t.field({
    type: IntervalEnum,
    defaultValue: 'day',
    description: `At most ${MAX_TREND_POINTS} in the period.`,
  }),
}));
export const TREND_DESCRIPTION =
  'The costs by interval, in order of time: one point for each interval of the period that has begun, also where nothing ' +
  'was used.';

/** The points of a trend with their amounts exchanged. */
export async function resolveTrend(
  { read, name, exchange }: TrendSource,
  { interval }: { interval?: TrendInterval | null },
): Promise<TrendPoint[]> {
  const points = await read.readTrend(interval ?? 'day', name);
  return points.map((point) => ({ ...point, cost: exchangeMoney(point.cost, exchange) }));
}
