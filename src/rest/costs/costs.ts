import { z } from '@hono/zod-openapi';
import { COST_PERIODS } from '../../domain/costs/summarize-costs.ts';
import { graphql } from '../http/graphql.ts';
import { operation, route } from '../http/route.ts';
import { count, decimal, oneOf, time, timeZone } from '../http/schemas.ts';
import { fromGroup, fromUsageEvent, toFilter, toGroupBy, toUpperCase, toUsageInput } from '../usage/usage-maps.ts';
import {
  costEstimate,
  filterQuery,
  group,
  groupByQuery,
  groupLimitQuery,
  usageEventInput,
} from '../usage/usage-schemas.ts';

const costsQuery = z.strictObject({
  period: oneOf(COST_PERIODS).optional(),
  timezone: timeZone.optional(),
  group_by: groupByQuery,
  limit: groupLimitQuery,
  ...filterQuery,
});

const costSummary = z
  .object({
    start: time,
    end: time,
    timezone: z.string(),
    currency: z.literal('USD'),
    total: decimal,
    previous: z.object({ start: time, end: time, total: decimal }),
    change_percent: z.number().nullable(),
    unpriced_requests: count,
    data: z.array(
      z.object({
        group,
        other: z.boolean(),
        cost: decimal,
        share: z.number().nullable().openapi({ description: 'Part of the total, from 0 to 1.' }),
        total_tokens: count,
        requests: count,
      }),
    ),
    budgets: z.array(
      z.object({ id: z.string(), name: z.string(), limit: decimal, spent: decimal, percent: z.number() }),
    ),
  })
  .openapi('CostSummary');

const summarize = operation(
  graphql(`
    query Costs($period: CostPeriod, $timezone: String, $groupBy: [UsageGroupBy!], $filter: UsageFilter, $limit: Int) {
      costs(period: $period, timezone: $timezone, groupBy: $groupBy, filter: $filter, limit: $limit) {
        start end timezone currency total previous { start end total } changePercent unpricedRequests
        data { group { key value } other cost share totalTokens requests } budgets { id name limit spent percent }
      }
    }
  `),
);

const getCosts = route({
  method: 'get',
  path: '/v1/costs',
  operationId: 'getCosts',
  summary: 'What this period has cost so far',
  tag: 'Costs',
  scope: 'costs:read',
  query: costsQuery,
  success: [{ status: 200, description: 'The costs.', schema: costSummary }],
  errors: [400],
  async run({ query }, execute) {
    const { costs } = await execute(summarize, {
      period: query.period && toUpperCase(query.period),
      timezone: query.timezone,
      groupBy: toGroupBy(query.group_by),
      filter: toFilter(query),
      limit: query.limit,
    });
    return {
      status: 200,
      body: { ...costs, data: costs.data.map((row) => ({ ...row, group: fromGroup(row.group) })) },
    };
  },
});

const estimate = operation(
  graphql(`
    query CostEstimate($input: RecordUsageInput!) {
      costEstimate(input: $input) {
        provider model serviceTier cost computedCost costSource priceId unpricedReason
        costBreakdown { unit quantity unitPrice amount }
      }
    }
  `),
);

const estimateCost = route({
  method: 'post',
  path: '/v1/costs/estimate',
  operationId: 'estimateCost',
  summary: 'Price an event without recording it',
  tag: 'Costs',
  scope: 'costs:read',
  body: usageEventInput,
  success: [{ status: 200, description: 'What it would cost.', schema: costEstimate }],
  errors: [400],
  async run({ body }, execute) {
    const { cost_estimate: answer } = await execute(estimate, { input: toUsageInput(body) });
    return { status: 200, body: fromUsageEvent(answer) };
  },
});

export const costRoutes = [getCosts, estimateCost];
