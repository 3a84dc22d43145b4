import type { BudgetStatus } from '../../domain/budgets/budget-status.ts';
import { type CostEstimate, estimateCost } from '../../domain/costs/estimate-cost.ts';
import {
  COST_PERIODS,
  type CostGroup,
  type CostPeriod,
  type CostSummary,
  summarizeCosts,
} from '../../domain/costs/summarize-costs.ts';
import { formatDimension } from '../../domain/usage/sums/usage-dimension.ts';
import { addSaturating } from '../../domain/usage/sums/usage-sums.ts';
import { formatId } from '../../platform/ids.ts';
import { formatMoney } from '../../platform/money.ts';
import { builder } from '../builder/builder.ts';
import { GroupByInput, readGroupBy, UsageEventInput, UsageFilterInput } from '../usage/usage-inputs.ts';
import { GroupValueRef } from '../usage/usage-summary.ts';
import { CostBreakdownLineRef, CostSourceRef } from '../usage/usage-types.ts';

const PeriodEnum = builder.enumType('CostPeriod', {
  values: Object.fromEntries(COST_PERIODS.map((period) => [period.toUpperCase(), { value: period }])) as Record<
    string,
    { value: CostPeriod }
  >,
});

type GroupSource = CostGroup & { keys: string[] };

const CostGroupRef = builder.objectRef<GroupSource>('CostGroup').implement({
  fields: (t) => ({
    group: t.field({
      type: [GroupValueRef],
      resolve: ({ keys, values, other }) => keys.map((key, i) => ({ key, value: other ? null : (values[i] ?? null) })),
    }),
    other: t.exposeBoolean('other'),
    cost: t.field({ type: 'Decimal', resolve: (group) => formatMoney(group.cost) }),
    share: t.float({
      nullable: true,
      description: 'Part of the total from 0 to 1, for display; null where the total is 0.',
      resolve: ({ share }) => (share === null ? null : Number(share)),
    }),
    totalTokens: t.field({ type: 'SafeInt', resolve: (group) => addSaturating(group.inputTokens, group.outputTokens) }),
    requests: t.expose('requests', { type: 'SafeInt' }),
  }),
});

const PreviousRef = builder.objectRef<CostSummary['previous']>('PreviousCosts').implement({
  description: 'The same elapsed part of the period before.',
  fields: (t) => ({
    start: t.field({ type: 'DateTime', resolve: (previous) => new Date(previous.startMs) }),
    end: t.field({ type: 'DateTime', resolve: (previous) => new Date(previous.endMs) }),
    total: t.field({ type: 'Decimal', resolve: (previous) => formatMoney(previous.total) }),
  }),
});

const CostBudgetRef = builder.objectRef<BudgetStatus>('CostBudget').implement({
  description: 'A budget in USD, and what has been spent of it in its own period.',
  fields: (t) => ({
    id: t.id({ resolve: ({ id }) => formatId('budget', id) }),
    name: t.exposeString('name'),
    limit: t.expose('limit', { type: 'Decimal' }),
    spent: t.expose('spent', { type: 'Decimal' }),
    percent: t.float({ resolve: ({ percent }) => Number(percent) }),
  }),
});

const CostSummaryRef = builder.objectRef<CostSummary>('CostSummary').implement({
  fields: (t) => ({
    start: t.field({ type: 'DateTime', resolve: (summary) => new Date(summary.startMs) }),
    end: t.field({ type: 'DateTime', resolve: (summary) => new Date(summary.endMs) }),
    timezone: t.exposeString('zone'),
    currency: t.string({ resolve: () => 'USD' }),
    total: t.field({ type: 'Decimal', resolve: (summary) => formatMoney(summary.total) }),
    previous: t.expose('previous', { type: PreviousRef }),
    changePercent: t.float({
      nullable: true,
      description: 'For display; null where nothing was spent before.',
      resolve: ({ changePercent }) => (changePercent === null ? null : Number(changePercent)),
    }),
    unpricedRequests: t.expose('unpricedRequests', { type: 'SafeInt' }),
    budgets: t.expose('budgets', { type: [CostBudgetRef] }),
    data: t.field({
      type: [CostGroupRef],
      resolve: ({ groups, groupBy }) => {
        const keys = groupBy.map(formatDimension);
        return groups.map((group) => ({ ...group, keys }));
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
    cost: t.expose('cost', { type: 'Decimal', nullable: true }),
    computedCost: t.expose('computedCost', { type: 'Decimal', nullable: true }),
    costSource: t.expose('costSource', { type: CostSourceRef }),
    priceId: t.id({ nullable: true, resolve: ({ priceId }) => priceId && formatId('price', priceId) }),
    unpricedReason: t.exposeString('unpricedReason', { nullable: true }),
    costBreakdown: t.expose('costBreakdown', { type: [CostBreakdownLineRef] }),
  }),
});

builder.queryFields((t) => ({
  costs: t.field({
    type: CostSummaryRef,
    description: 'What this period has cost so far. Scope costs:read.',
    args: {
      period: t.arg({ type: PeriodEnum, description: 'Default: MONTH.' }),
      timezone: t.arg.string({ description: 'IANA name; default UTC.' }),
      groupBy: t.arg({ type: [GroupByInput], description: 'Default: PROVIDER.' }),
      filter: t.arg({ type: UsageFilterInput }),
      limit: t.arg.int({
        description:
          'Maximum number of groups: 1 to 1,000, default 100. The remaining groups are merged into one, marked `other`.',
      }),
    },
    resolve: (_, { groupBy, ...args }, context) => summarizeCosts(context, { ...args, groupBy: readGroupBy(groupBy) }),
  }),
  costEstimate: t.field({
    type: CostEstimateRef,
    description: 'Prices an event and records nothing. Scope costs:read.',
    args: { input: t.arg({ type: UsageEventInput, required: true }) },
    resolve: (_, { input }, context) => estimateCost(context, input),
  }),
}));
