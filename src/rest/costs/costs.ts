import { GROUP_LIMIT } from '../../domain/usage/summarize-usage.ts';
import { graphql } from '../http/graphql.ts';
import { operation } from '../http/operation.ts';
import { route } from '../http/route.ts';
import { fromGroup } from '../usage/usage-event.ts';

const getCosts = route({
  method: 'get',
  path: '/v1/costs',
  operationId: 'getCosts',
  summary: 'What this period has cost so far',
  tag: 'Costs',
  scope: 'costs:read',
  operation: operation(
    graphql(`
      query Costs($period: CostPeriod, $timezone: String, $currency: String, $groupBy: [UsageGroupBy!], $limit: Int, $filter: UsageFilter) {
        costs(period: $period, timezone: $timezone, currency: $currency, groupBy: $groupBy, limit: $limit, filter: $filter) {
          start end timezone currency exchange { rate date source } total previous { start end total } changePercent unpricedRequests
          data { group { key value name } other cost share totalTokens requests } budgets { id name limit spent percent }
        }
      }
    `),
  ),
  maxLimit: GROUP_LIMIT.max,
  success: [{ status: 200, description: 'The costs.' }],
  errors: [400],
  respell: (costs) => ({ ...costs, data: costs.data.map((row) => ({ ...row, group: fromGroup(row.group) })) }),
});

const estimateCost = route({
  method: 'post',
  path: '/v1/costs/estimate',
  operationId: 'estimateCost',
  summary: 'Price an event without recording it',
  tag: 'Costs',
  scope: 'costs:read',
  operation: operation(
    graphql(`
      query CostEstimate($input: RecordUsageInput!) {
        costEstimate(input: $input) {
          provider model serviceTier cost computedCost costSource priceId unpricedReason warnings
          costBreakdown { unit model quantity unitPrice amount }
        }
      }
    `),
  ),
  body: 'RecordUsageInput',
  success: [{ status: 200, description: 'What it would cost.' }],
  errors: [400],
});

export const costRoutes = [getCosts, estimateCost];
