import { z } from '@hono/zod-openapi';
import { HISTORY_PAGE_MAX } from '../../domain/usage/list-usage-events.ts';
import { graphql } from '../http/graphql.ts';
import { operation, route } from '../http/route.ts';
import { listOf, pageQuery, time, toList } from '../http/schemas.ts';
import { recordUsage, voidUsage } from './record-usage.ts';
import { STREAM_FORMS, streamFormFor, streamPages } from './stream-history.ts';
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
  description:
    'By pages; or, with `Accept: text/csv` or `application/x-ndjson`, the whole result as one stream of any size ' +
    '(`limit` and `cursor` then say nothing).',
  tag: 'Usage',
  scope: 'usage:read',
  query: historyQuery,
  success: [{ status: 200, description: 'A page of events.', schema: listOf(usageEvent, 'UsageEventList') }],
  errors: [400],
  otherAnswers: Object.keys(STREAM_FORMS),
  async run({ query, request }, execute) {
    const { start, end, recorded_after: recordedAfter } = query;
    const question = { start, end, recordedAfter, filter: toFilter(query) };
    const readPage = async (first: number | undefined, after: string | null | undefined) => {
      const { usage_events: events } = await execute(listEvents, { ...question, first, after });
      const list = toList(events);
      return { ...list, data: list.data.map(fromUsageEvent) };
    };
    const form = streamFormFor(request.header('accept'));
    if (form === null) return { status: 200, body: await readPage(query.limit, query.cursor) };
    return streamPages(form, Object.keys(usageEvent.shape), async (cursor) => {
      const page = await readPage(HISTORY_PAGE_MAX, cursor);
      return { events: page.data, next: page.next_cursor };
    });
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

export const usageRoutes = [recordUsage, getUsage, getHistory, getEvent, voidUsage];
