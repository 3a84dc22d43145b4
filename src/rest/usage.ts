import { z } from '@hono/zod-openapi';
import { HISTORY_PAGE_MAX } from '../domain/usage/list-usage-events.ts';
import { graphql } from './graphql.ts';
import { recordUsage } from './record-usage.ts';
import { operation, route } from './route.ts';
import { listOf, pageQuery, time, toList } from './schemas.ts';
import {
  fromGroup,
  fromUsageEvent,
  lowerCase,
  toFilter,
  toGroupBy,
  toUpperCase,
  usageEventFields,
} from './usage-maps.ts';
import { filterQuery, usageEvent, usageQuery, usageSummary } from './usage-schemas.ts';

const summarize = operation(
  graphql(`
    query Usage($start: DateTime, $end: DateTime, $timezone: String, $interval: UsageInterval, $groupBy: [UsageGroupBy!],
                $filter: UsageFilter, $limit: Int) {
      usage(start: $start, end: $end, timezone: $timezone, interval: $interval, groupBy: $groupBy, filter: $filter,
            limit: $limit) {
        start end timezone interval groupBy
        totals {
          requests inputTokens outputTokens totalTokens cacheReadTokens cacheWriteTokens reasoningTokens cost
          unpricedRequests
        }
        data {
          start end group { key value } other requests inputTokens outputTokens totalTokens cacheReadTokens
          cacheWriteTokens reasoningTokens cost unpricedRequests
        }
      }
    }
  `),
);

const getUsage = route({
  method: 'get',
  path: '/v1/usage',
  operationId: 'getUsage',
  summary: 'Usage totals by interval and group',
  description: 'The sum over `data` equals `totals` equals the sum over the events, to the last digit, in every zone.',
  tag: 'Usage',
  scope: 'usage:read',
  query: usageQuery,
  success: [{ status: 200, description: 'The totals.', schema: usageSummary }],
  errors: [400],
  async run({ query }, execute) {
    const { usage } = await execute(summarize, {
      start: query.start,
      end: query.end,
      timezone: query.timezone,
      interval: query.interval && toUpperCase(query.interval),
      groupBy: toGroupBy(query.group_by),
      filter: toFilter(query),
      limit: query.limit,
    });
    const data = usage.data.map((row) => ({ ...row, group: fromGroup(row.group) }));
    return { status: 200, body: { ...usage, interval: lowerCase(usage.interval), data } };
  },
});

const historyQuery = z.strictObject({
  start: time.optional(),
  end: time.optional(),
  recorded_after: time.optional(),
  ...pageQuery(HISTORY_PAGE_MAX),
  ...filterQuery,
});

const listEvents = operation(
  graphql(
    `query UsageHistory($first: Int, $after: String, $start: DateTime, $end: DateTime, $recordedAfter: DateTime,
                        $filter: UsageFilter) {
      usageEvents(first: $first, after: $after, start: $start, end: $end, recordedAfter: $recordedAfter,
                  filter: $filter) {
        edges { node { ...UsageEventFields } }
        pageInfo { hasNextPage endCursor }
      }
    }`,
    [usageEventFields],
  ),
);

const getHistory = route({
  method: 'get',
  path: '/v1/usage/history',
  operationId: 'listUsageEvents',
  summary: 'The events themselves, newest first',
  tag: 'Usage',
  scope: 'usage:read',
  query: historyQuery,
  success: [{ status: 200, description: 'A page of events.', schema: listOf(usageEvent, 'UsageEventList') }],
  errors: [400],
  async run({ query }, execute) {
    const { usage_events: events } = await execute(listEvents, {
      first: query.limit,
      after: query.cursor,
      start: query.start,
      end: query.end,
      recordedAfter: query.recorded_after,
      filter: toFilter(query),
    });
    const list = toList(events);
    return { status: 200, body: { ...list, data: list.data.map(fromUsageEvent) } };
  },
});

const findEvent = operation(
  graphql(`query UsageEvent($id: ID!) { usageEvent(id: $id) { ...UsageEventFields } }`, [usageEventFields]),
);

const getEvent = route({
  method: 'get',
  path: '/v1/usage/{id}',
  operationId: 'getUsageEvent',
  summary: 'One usage event',
  tag: 'Usage',
  scope: 'usage:read',
  params: z.object({ id: z.string() }),
  success: [{ status: 200, description: 'The event.', schema: usageEvent }],
  errors: [404],
  async run({ params }, execute) {
    const { usage_event: event } = await execute(findEvent, { id: params.id });
    return { status: 200, body: fromUsageEvent(event) };
  },
});

export const usageRoutes = [recordUsage, getUsage, getHistory, getEvent];
