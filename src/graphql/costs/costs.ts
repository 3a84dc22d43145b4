import { COST_PERIODS, type CostPeriod } from '../../domain/costs/cost-period.ts';
import { type CostEstimate, estimateCost } from '../../domain/costs/estimate-cost.ts';
import {
  type CostBudget,
  type CostGroup,
  type CostSummary,
  summarizeCosts,
} from '../../domain/costs/summarize-costs.ts';
import { formatDimension } from '../../domain/usage/sums/usage-dimension.ts';
import { addSaturating } from '../../domain/usage/sums/usage-sums.ts';
import { formatId } from '../../platform/ids.ts';
import { formatMoney } from '../../platform/money.ts';
import { builder } from '../builder/builder.ts';
import { GroupByInput, readGroupBy, UsageEventInput, UsageFilterInput } from '../usage/usage-inputs.ts';
import {
  GROUP_DESCRIPTION,
  GROUP_LIMIT_DESCRIPTION,
  GroupValueRef,
  groupValues,
  OTHER_DESCRIPTION,
  REQUESTS_DESCRIPTION,
  UNPRICED_REQUESTS_DESCRIPTION,
} from '../usage/usage-summary.ts';
import {
  COMPUTED_COST_DESCRIPTION,
  COST_BREAKDOWN_DESCRIPTION,
  COST_DESCRIPTION,
  CostBreakdownLineRef,
  CostSourceRef,
  PRICE_ID_DESCRIPTION,
  UNPRICED_REASON_DESCRIPTION,
  WARNINGS_DESCRIPTION,
} from '../usage/usage-types.ts';
import {
  CHANGE_PERCENT_DESCRIPTION,
  CURRENCY_ARGUMENT_DESCRIPTION,
  CURRENCY_DESCRIPTION,
  currencyOf,
  EXCHANGE_DESCRIPTION,
  ExchangeRef,
  PreviousRef,
  resolveTrend,
  TREND_ARGUMENTS,
  TREND_DESCRIPTION,
  TREND_TYPE,
} from './cost-fields.ts';

export const PeriodEnum = builder.enumType('CostPeriod', {
  description: 'Calendar period in the time zone that is asked for.',
  values: Object.fromEntries(COST_PERIODS.map((period) => [period.toUpperCase(), { value: period }])) as Record<
    string,
    { value: CostPeriod }
  >,
});

type GroupSource = CostGroup & Pick<CostSummary, 'read' | 'exchange'> & { keys: string[] };

const CostGroupRef = builder.objectRef<GroupSource>('CostGroup').implement({
  description: 'The costs of one group in the period.',
  fields: (t) => ({
    group: t.field({
      type: [GroupValueRef],
      description: GROUP_DESCRIPTION,
      resolve: ({ keys, ...group }) => groupValues(keys, group),
    }),
    other: t.exposeBoolean('other', { description: OTHER_DESCRIPTION }),
    cost: t.field({
      type: 'Decimal',
      description: 'The cost of the group in `currency`.',
      resolve: (group) => formatMoney(group.cost),
    }),
    share: t.float({
      nullable: true,
      description: '`cost` divided by `total`, rounded to 6 decimal places, for display; null where the total is 0.',
      resolve: ({ share }) => (share === null ? null : Number(share)),
    }),
    totalTokens: t.field({
      type: 'SafeInt',
      description: 'Input tokens plus output tokens.',
      resolve: (group) => addSaturating(group.inputTokens, group.outputTokens),
    }),
    requests: t.expose('requests', { type: 'SafeInt', description: REQUESTS_DESCRIPTION }),
    trend: t.field({
      type: TREND_TYPE,
      nullable: true,
      description: TREND_DESCRIPTION,
      args: TREND_ARGUMENTS,
      resolve: ({ other, values, ...group }, args) => resolveTrend({ ...group, name: other ? null : values }, args),
    }),
  }),
});

const CostBudgetRef = builder.objectRef<CostBudget>('CostBudget').implement({
  description: 'A budget in USD, and what has been spent in its own current period.',
  fields: (t) => ({
    id: t.id({ resolve: ({ id }) => formatId('budget', id) }),
    name: t.exposeString('name'),
    limit: t.expose('limit', {
      type: 'Decimal',
      description: 'The limit now in `currency`, with a raise that is in force.',
    }),
    spent: t.expose('spent', { type: 'Decimal', description: 'Recorded usage in the current period, in `currency`.' }),
    percent: t.float({
      description: '`spent` as a percentage of `limit`, rounded to 2 decimal places.',
      resolve: ({ percent }) => Number(percent),
    }),
  }),
});

const CostSummaryRef = builder.objectRef<CostSummary>('CostSummary').implement({
  description: 'The costs of the current period so far.',
  fields: (t) => ({
    start: t.field({
      type: 'DateTime',
      description: 'Start of the period, included.',
      resolve: (summary) => new Date(summary.startMs),
    }),
    end: t.field({
      type: 'DateTime',
      description: 'End of the period, excluded.',
      resolve: (summary) => new Date(summary.endMs),
    }),
    timezone: t.exposeString('zone', { description: 'IANA name of the time zone of the period.' }),
    currency: t.string({ description: CURRENCY_DESCRIPTION, resolve: ({ exchange }) => currencyOf(exchange) }),
    exchange: t.expose('exchange', { type: ExchangeRef, nullable: true, description: EXCHANGE_DESCRIPTION }),
    total: t.field({
      type: 'Decimal',
      description: 'The sum of all costs in `currency`.',
      resolve: (summary) => formatMoney(summary.total),
    }),
    previous: t.expose('previous', { type: PreviousRef }),
    changePercent: t.float({
      nullable: true,
      description: CHANGE_PERCENT_DESCRIPTION,
      resolve: ({ changePercent }) => (changePercent === null ? null : Number(changePercent)),
    }),
    unpricedRequests: t.expose('unpricedRequests', { type: 'SafeInt', description: UNPRICED_REQUESTS_DESCRIPTION }),
    budgets: t.expose('budgets', {
      type: [CostBudgetRef],
      description: 'The budgets in USD, in descending order of `percent`.',
    }),
    trend: t.field({
      type: TREND_TYPE,
      nullable: true,
      description: TREND_DESCRIPTION,
      args: TREND_ARGUMENTS,
      resolve: ({ read, exchange }, args) => resolveTrend({ read, exchange, name: [] }, args),
    }),
    data: t.field({
      type: [CostGroupRef],
      description: 'The groups in descending order of cost; the merged one is last.',
      resolve: ({ groups, groupBy, read, exchange }) => {
        const keys = groupBy.map(formatDimension);
        return groups.map((group) => ({ ...group, keys, read, exchange }));
      },
    }),
  }),
});

const CostEstimateRef = builder.objectRef<CostEstimate>('CostEstimate').implement({
  description: 'What an event would cost if it were recorded.',
  fields: (t) => ({
    provider: t.exposeString('provider'),
    model: t.exposeString('model'),
    serviceTier: t.exposeString('serviceTier'),
    cost: t.expose('cost', { type: 'Decimal', nullable: true, description: COST_DESCRIPTION }),
    computedCost: t.expose('computedCost', {
      type: 'Decimal',
      nullable: true,
      description: COMPUTED_COST_DESCRIPTION,
    }),
    costSource: t.expose('costSource', { type: CostSourceRef }),
    priceId: t.id({
      nullable: true,
      description: PRICE_ID_DESCRIPTION,
      resolve: ({ priceId }) => priceId && formatId('price', priceId),
    }),
    unpricedReason: t.exposeString('unpricedReason', { nullable: true, description: UNPRICED_REASON_DESCRIPTION }),
    warnings: t.exposeStringList('warnings', { description: WARNINGS_DESCRIPTION }),
    costBreakdown: t.expose('costBreakdown', {
      type: [CostBreakdownLineRef],
      description: COST_BREAKDOWN_DESCRIPTION,
    }),
  }),
});

builder.queryFields((t) => ({
  costs: t.field({
    type: CostSummaryRef,
    description: 'The costs of the current period so far. Requires the scope `costs:read`.',
    args: {
      period: t.arg({ type: PeriodEnum, description: 'Calendar period that contains now; default `MONTH`.' }),
      timezone: t.arg.string({ description: 'IANA name of the time zone of the period; default UTC.' }),
      currency: t.arg.string({ description: CURRENCY_ARGUMENT_DESCRIPTION }),
      groupBy: t.arg({ type: [GroupByInput], description: 'At most 3 different dimensions; default `PROVIDER`.' }),
      filter: t.arg({ type: UsageFilterInput }),
      limit: t.arg.int({ description: GROUP_LIMIT_DESCRIPTION }),
    },
    resolve: (_, { groupBy, ...args }, context) => summarizeCosts(context, { ...args, groupBy: readGroupBy(groupBy) }),
  }),
  costEstimate: t.field({
    type: CostEstimateRef,
    description: 'Prices an event without recording it. Requires the scope `costs:read`.',
    args: { input: t.arg({ type: UsageEventInput, required: true }) },
    resolve: (_, { input }, context) => estimateCost(context, input),
  }),
}));
