import { SUMMED_COUNTS } from '../../domain/pricing/price/usage-counts.ts';
import {
  INTERVALS,
  type Interval,
  summarizeUsage,
  type UsageSummary,
  type UsageSummaryGroup,
} from '../../domain/usage/summarize-usage.ts';
import { formatDimension } from '../../domain/usage/sums/usage-dimension.ts';
import { addSaturating, type UsageSums } from '../../domain/usage/sums/usage-sums.ts';
import { formatMoney } from '../../platform/money.ts';
import { builder } from '../builder/builder.ts';
import { GroupByInput, readGroupBy, UsageFilterInput } from './usage-inputs.ts';

const IntervalEnum = builder.enumType('UsageInterval', {
  values: Object.fromEntries(INTERVALS.map((interval) => [interval.toUpperCase(), { value: interval }])) as Record<
    string,
    { value: Interval }
  >,
});

/** One dimension's value in a group. */
export interface GroupValue {
  key: string;
  value: string | null;
}

export const GroupValueRef = builder.objectRef<GroupValue>('UsageGroupValue').implement({
  fields: (t) => ({
    key: t.exposeString('key', { description: 'The dimension: `model`, or `tag:env`.' }),
    value: t.exposeString('value', { nullable: true }),
  }),
});

const UsageTotalsInterface = builder.interfaceRef<UsageSums>('UsageSums').implement({
  description: 'Sums of usage. Events without a known cost count as unpricedRequests and add nothing to cost.',
  fields: (t) => ({
    requests: t.expose('requests', { type: 'SafeInt' }),
    ...Object.fromEntries(SUMMED_COUNTS.map(({ field }) => [field, t.expose(field, { type: 'SafeInt' })])),
    totalTokens: t.field({ type: 'SafeInt', resolve: (sums) => addSaturating(sums.inputTokens, sums.outputTokens) }),
    cost: t.field({ type: 'Decimal', resolve: (sums) => formatMoney(sums.cost) }),
    unpricedRequests: t.expose('unpricedRequests', { type: 'SafeInt' }),
  }),
});

const UsageTotalsRef = builder
  .objectRef<UsageSums>('UsageTotals')
  .implement({ interfaces: [UsageTotalsInterface], isTypeOf: () => true });

type GroupSource = UsageSummaryGroup & { keys: string[] };

const UsageGroupRef = builder.objectRef<GroupSource>('UsageGroup').implement({
  description: 'The sums of one group in one interval of time.',
  interfaces: [UsageTotalsInterface],
  isTypeOf: () => true,
  fields: (t) => ({
    start: t.field({ type: 'DateTime', resolve: (group) => new Date(group.startMs) }),
    end: t.field({ type: 'DateTime', resolve: (group) => new Date(group.endMs) }),
    group: t.field({
      type: [GroupValueRef],
      resolve: ({ keys, values, other }) => keys.map((key, i) => ({ key, value: other ? null : (values[i] ?? null) })),
    }),
    other: t.exposeBoolean('other', { description: 'Whether this sums the groups beyond the limit.' }),
  }),
});

const UsageSummaryRef = builder.objectRef<UsageSummary>('UsageSummary').implement({
  fields: (t) => ({
    start: t.field({ type: 'DateTime', resolve: (summary) => new Date(summary.startMs) }),
    end: t.field({ type: 'DateTime', resolve: (summary) => new Date(summary.endMs) }),
    timezone: t.exposeString('zone'),
    interval: t.field({ type: IntervalEnum, resolve: (summary) => summary.interval }),
    groupBy: t.stringList({ resolve: (summary) => summary.groupBy.map(formatDimension) }),
    totals: t.field({ type: UsageTotalsRef, resolve: (summary) => summary.totals }),
    data: t.field({
      type: [UsageGroupRef],
      resolve: ({ groups, groupBy }) => {
        const keys = groupBy.map(formatDimension);
        return groups.map((group) => ({ ...group, keys }));
      },
    }),
  }),
});

builder.queryFields((t) => ({
  usage: t.field({
    type: UsageSummaryRef,
    description: 'Usage totals by interval and group; by default of this calendar month. Scope usage:read.',
    args: {
      start: t.arg({ type: 'DateTime' }),
      end: t.arg({ type: 'DateTime' }),
      timezone: t.arg.string({ description: 'IANA name; default UTC.' }),
      interval: t.arg({ type: IntervalEnum }),
      groupBy: t.arg({ type: [GroupByInput], description: 'At most 3.' }),
      filter: t.arg({ type: UsageFilterInput }),
      limit: t.arg.int({
        description:
          'Maximum number of groups: 1 to 1,000, default 100. The remaining groups are merged into one, marked `other`.',
      }),
    },
    resolve: (_, { groupBy, ...args }, context) => summarizeUsage(context, { ...args, groupBy: readGroupBy(groupBy) }),
  }),
}));
