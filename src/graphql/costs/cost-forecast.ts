import type { Accuracy } from '../../domain/forecast/engine/judge-model.ts';
import { FORECAST_METHODS, type ForecastMethod } from '../../domain/forecast/engine/model-series.ts';
import type { BudgetForecast } from '../../domain/forecast/forecast-budgets.ts';
import {
  type CostForecast,
  type ForecastAmounts,
  type ForecastDay,
  forecastCosts,
} from '../../domain/forecast/forecast-costs.ts';
import { MAX_HORIZON_DAYS } from '../../domain/forecast/read-forecast-days.ts';
import { type AttoUsd, formatMoney } from '../../platform/money.ts';
import { builder } from '../builder/builder.ts';
import { UsageFilterInput } from '../usage/usage-inputs.ts';
import {
  CURRENCY_ARGUMENT_DESCRIPTION,
  CURRENCY_DESCRIPTION,
  currencyOf,
  EXCHANGE_DESCRIPTION,
  ExchangeRef,
} from './cost-fields.ts';

const EXPECTED_DESCRIPTION =
  'The expected cost in `currency`, rounded to 6 significant digits or to cents, whichever is finer; null where nothing is known.';
const LOWER_DESCRIPTION = 'The lower bound of the interval; never below what is known already.';
const UPPER_DESCRIPTION = 'The upper bound of the interval.';
/** Shares are statistics: four places say more than they know. */
const SHARE_SCALE = 10_000;

function formatAmount(amount: AttoUsd | null): string | null {
  return amount === null ? null : formatMoney(amount);
}

/** A field of amounts that may be unknown. */
function amountField(name: keyof ForecastAmounts, description: string) {
  return {
    type: 'Decimal' as const,
    nullable: true as const,
    description,
    resolve: (amounts: ForecastAmounts) => formatAmount(amounts[name]),
  };
}

function roundShare(share: number | null): number | null {
  return share === null ? null : Math.round(share * SHARE_SCALE) / SHARE_SCALE;
}

const MethodEnum = builder.enumType('ForecastMethod', {
  description: 'How a forecast was made.',
  values: Object.fromEntries(
    FORECAST_METHODS.map(({ name, description }) => [name.toUpperCase(), { value: name, description }]),
  ) as Record<string, { value: ForecastMethod; description: string }>,
});

const TotalRef = builder.objectRef<ForecastAmounts>('ForecastTotal').implement({
  description: '`actualToDate` plus the days of `data`. Its interval is learnt from the errors of such sums.',
  fields: (t) => ({
    expected: t.field(
      amountField(
        'expected',
        '`actualToDate` plus what is expected of each day, to the last digit; null where nothing is known.',
      ),
    ),
    lower: t.field(amountField('lower', LOWER_DESCRIPTION)),
    upper: t.field(amountField('upper', UPPER_DESCRIPTION)),
  }),
});

const DayRef = builder.objectRef<ForecastDay>('ForecastDay').implement({
  description: 'What one day will cost. The interval holds it with the probability `level`.',
  fields: (t) => ({
    date: t.exposeString('date', { description: 'The date in `timezone`, such as `2026-11-22`.' }),
    expected: t.field(amountField('expected', EXPECTED_DESCRIPTION)),
    lower: t.field(amountField('lower', LOWER_DESCRIPTION)),
    upper: t.field(amountField('upper', UPPER_DESCRIPTION)),
  }),
});

const AccuracyRef = builder.objectRef<Accuracy>('ForecastAccuracy').implement({
  description: 'How good forecasts of these costs were: made again from past days, of what was known then.',
  fields: (t) => ({
    method: t.string({ description: 'Always `rolling-origin`.', resolve: () => 'rolling-origin' }),
    mape: t.float({
      nullable: true,
      description:
        'The mean absolute error of a day as a part of its cost, of days that cost something: 0.12 is 12 %. Null where ' +
        'no day could be judged.',
      resolve: ({ mape }) => roundShare(mape),
    }),
    coverage: t.float({
      nullable: true,
      description:
        'The part of days that were within the interval that would have been given then: near `level`. Null where no day ' +
        'could be judged.',
      resolve: ({ coverage }) => roundShare(coverage),
    }),
    windows: t.exposeInt('windows', { description: 'How many past days forecasts were made from.' }),
  }),
});

const BudgetForecastRef = builder.objectRef<BudgetForecast>('BudgetForecast').implement({
  description:
    'What will become of a budget in its own current period and zone; of one without a period, until the end of `data`. ' +
    'With `per`, of the subject that has used most of it.',
  fields: (t) => ({
    id: t.exposeID('id'),
    limit: t.field({
      type: 'Decimal',
      description: 'The limit now, with a raise that is in force.',
      resolve: ({ limit }) => formatMoney(limit),
    }),
    expectedAtEnd: t.field({
      type: 'Decimal',
      nullable: true,
      description: 'What is expected to be spent when the period ends; null where nothing is known.',
      resolve: ({ expectedAtEnd }) => formatAmount(expectedAtEnd),
    }),
    probabilityExceeded: t.float({
      nullable: true,
      description: 'The probability, 0 to 1, that the limit is reached in the period; 1 where it is reached already.',
      resolve: ({ probabilityExceeded }) => roundShare(probabilityExceeded),
    }),
    runsOutOn: t.exposeString('runsOutOn', {
      nullable: true,
      description:
        'The date in the zone of the budget on which the limit is expected to be reached; null: not in the period.',
    }),
  }),
});

const CostForecastRef = builder.objectRef<CostForecast>('CostForecast').implement({
  description: 'What costs are expected, from today on. Today counts as not yet known.',
  fields: (t) => ({
    method: t.expose('method', { type: MethodEnum }),
    level: t.exposeFloat('level', { description: 'The probability of each interval.' }),
    timezone: t.exposeString('zone', { description: 'IANA name of the time zone of the days.' }),
    currency: t.string({ description: CURRENCY_DESCRIPTION, resolve: ({ exchange }) => currencyOf(exchange) }),
    exchange: t.expose('exchange', { type: ExchangeRef, nullable: true, description: EXCHANGE_DESCRIPTION }),
    historyDays: t.exposeInt('historyDays', {
      description: 'How many complete days the forecast is made of, from the first with a known cost on; at most 182.',
    }),
    actualToDate: t.field({
      type: 'Decimal',
      description: 'What has been recorded of this month up to yesterday: exact, whatever the end of the forecast.',
      resolve: ({ actualToDate }) => formatMoney(actualToDate),
    }),
    forecastTotal: t.expose('total', { type: TotalRef }),
    data: t.expose('days', { type: [DayRef], description: 'The days from today on, in order of time.' }),
    accuracy: t.expose('accuracy', { type: AccuracyRef }),
    budgets: t.expose('budgets', {
      type: [BudgetForecastRef],
      description:
        'Budgets in USD whose scope names all that the filter names, at most the 20 nearest to their limit, those first.',
    }),
  }),
});

builder.queryFields((t) => ({
  costForecast: t.field({
    type: CostForecastRef,
    description:
      'What this month will cost, or the days from today to another end, with intervals and budgets. Requires the scope ' +
      '`costs:read`.',
    args: {
      until: t.arg.string({
        description:
          'The end, excluded: a date such as `2026-12-31` in the time zone, or an RFC 3339 time, at most 365 days ahead. ' +
          'Default: the end of this month. Not beside `horizonDays`.',
      }),
      horizonDays: t.arg.int({ description: `The number of days, today included: 1 to ${MAX_HORIZON_DAYS}.` }),
      level: t.arg({ type: 'Decimal', description: 'The probability of each interval: 0.5 to 0.99, default 0.9.' }),
      timezone: t.arg.string({ description: 'IANA name of the time zone that cuts the days; default UTC.' }),
      filter: t.arg({ type: UsageFilterInput }),
      currency: t.arg.string({ description: CURRENCY_ARGUMENT_DESCRIPTION }),
    },
    resolve: (_, args, context) => forecastCosts(context, args),
  }),
}));
