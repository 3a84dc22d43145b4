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
  description: 'Calendar interval in the time zone that is asked for. `NONE` is one interval over the whole range.',
  values: Object.fromEntries(INTERVALS.map((interval) => [interval.toUpperCase(), { value: interval }])) as Record<
    string,
    { value: Interval }
  >,
});

/** One dimension's value in a group. */
export interface GroupValue {
  key: string;
  value: string | null;
  name: string | null;
}

/** What a group of sums is about. */
export function groupValues(
  keys: readonly string[],
  { values, names, other }: Pick<UsageSummaryGroup, 'values' | 'names' | 'other'>,
): GroupValue[] {
  return keys.map((key, i) => ({ key, value: other ? null : (values[i] ?? null), name: names[i] ?? null }));
}

export const GroupValueRef = builder.objectRef<GroupValue>('UsageGroupValue').implement({
  description: 'The value of one dimension in a group.',
  fields: (t) => ({
    key: t.exposeString('key', { description: 'The dimension, such as `model` or `tag:env`.' }),
    value: t.exposeString('value', {
      nullable: true,
      description: 'Null where the events have no value, and in the merged group.',
    }),
    name: t.exposeString('name', {
      nullable: true,
      description: 'The name of the team, API key or member, also of one that is gone; null for other dimensions.',
    }),
  }),
});

export const REQUESTS_DESCRIPTION = 'Number of events, less those that were voided.';
export const UNPRICED_REQUESTS_DESCRIPTION = 'Number of events whose cost is unknown; they add nothing to the cost.';
export const GROUP_DESCRIPTION = 'The value of each dimension in the group.';
export const OTHER_DESCRIPTION = 'Whether this group merges all groups beyond the limit.';
export const GROUP_LIMIT_DESCRIPTION =
  'Maximum number of groups: 1 to 1,000, default 100. The remaining groups are merged into one, marked `other`.';

const UsageTotalsInterface = builder.interfaceRef<UsageSums>('UsageSums').implement({
  description: 'Sums of usage. An event that reverses another is subtracted. Counts that exceed 2^53-1 stay there.',
  fields: (t) => ({
    requests: t.expose('requests', { type: 'SafeInt', description: REQUESTS_DESCRIPTION }),
    ...Object.fromEntries(SUMMED_COUNTS.map(({ field }) => [field, t.expose(field, { type: 'SafeInt' })])),
    totalTokens: t.field({
      type: 'SafeInt',
      description: 'Input tokens plus output tokens.',
      resolve: (sums) => addSaturating(sums.inputTokens, sums.outputTokens),
    }),
    cost: t.field({
      type: 'Decimal',
      description: 'The sum of all known costs in USD.',
      resolve: (sums) => formatMoney(sums.cost),
    }),
    unpricedRequests: t.expose('unpricedRequests', { type: 'SafeInt', description: UNPRICED_REQUESTS_DESCRIPTION }),
  }),
});

const UsageTotalsRef = builder.objectRef<UsageSums>('UsageTotals').implement({
  description: 'The sums over the whole range.',
  interfaces: [UsageTotalsInterface],
  isTypeOf: () => true,
});

type GroupSource = UsageSummaryGroup & { keys: string[] };

const UsageGroupRef = builder.objectRef<GroupSource>('UsageGroup').implement({
  description: 'The sums of one group in one interval of time.',
  interfaces: [UsageTotalsInterface],
  isTypeOf: () => true,
  fields: (t) => ({
    start: t.field({
      type: 'DateTime',
      description: 'Start of the interval, included.',
      resolve: (group) => new Date(group.startMs),
    }),
    end: t.field({
      type: 'DateTime',
      description: 'End of the interval, excluded.',
      resolve: (group) => new Date(group.endMs),
    }),
    group: t.field({
      type: [GroupValueRef],
      description: GROUP_DESCRIPTION,
      resolve: ({ keys, ...group }) => groupValues(keys, group),
    }),
    other: t.exposeBoolean('other', { description: OTHER_DESCRIPTION }),
  }),
});

const UsageSummaryRef = builder.objectRef<UsageSummary>('UsageSummary').implement({
  description: 'Usage totals by interval and group.',
  fields: (t) => ({
    start: t.field({
      type: 'DateTime',
      description: 'Start of the range, included.',
      resolve: (summary) => new Date(summary.startMs),
    }),
    end: t.field({
      type: 'DateTime',
      description: 'End of the range, excluded.',
      resolve: (summary) => new Date(summary.endMs),
    }),
    timezone: t.exposeString('zone', { description: 'IANA name of the time zone of the intervals.' }),
    interval: t.field({ type: IntervalEnum, resolve: (summary) => summary.interval }),
    groupBy: t.stringList({
      description: 'The dimensions, such as `model` or `tag:env`.',
      resolve: (summary) => summary.groupBy.map(formatDimension),
    }),
    totals: t.field({ type: UsageTotalsRef, resolve: (summary) => summary.totals }),
    data: t.field({
      type: [UsageGroupRef],
      description: 'By interval, then in descending order of cost. Intervals without usage are left out.',
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
    description: 'Usage totals by interval and group. Requires the scope `usage:read`.',
    args: {
      start: t.arg({
        type: 'DateTime',
        description: 'Start of the range, included. Default: the start of the calendar month that contains its end.',
      }),
      end: t.arg({
        type: 'DateTime',
        description: 'End of the range, excluded. Default: the end of the current calendar month.',
      }),
      timezone: t.arg.string({ description: 'IANA name of the time zone of the intervals; default UTC.' }),
      interval: t.arg({
        type: IntervalEnum,
        description: 'Default: `NONE`. The range may have at most 10,000 intervals.',
      }),
      groupBy: t.arg({ type: [GroupByInput], description: 'At most 3 different dimensions; default: none.' }),
      filter: t.arg({ type: UsageFilterInput }),
      limit: t.arg.int({ description: GROUP_LIMIT_DESCRIPTION }),
    },
    resolve: (_, { groupBy, ...args }, context) => summarizeUsage(context, { ...args, groupBy: readGroupBy(groupBy) }),
  }),
}));
