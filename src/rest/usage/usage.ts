import { HISTORY_PAGE_MAX } from '../../domain/usage/list-usage-events.ts';
import { GROUP_LIMIT } from '../../domain/usage/summarize-usage.ts';
import { fragmentSchema } from '../http/answer-schema.ts';
import { graphql } from '../http/graphql.ts';
import { operation } from '../http/operation.ts';
import { route } from '../http/route.ts';
import { toList } from '../http/schemas.ts';
import { recordUsage, voidUsage } from './record-usage.ts';
import { STREAM_FORMS, streamFormFor, streamPages } from './stream-history.ts';
import { fromGroup, usageEventFields } from './usage-event.ts';

const getUsage = route({
  method: 'get',
  path: '/v1/usage',
  operationId: 'getUsage',
  summary: 'Usage totals by interval and group',
  description: 'The sum over `data` equals `totals` equals the sum over the events, to the last digit, in every zone.',
  tag: 'Usage',
  scope: 'usage:read',
  operation: operation(
    graphql(`
      query Usage($start: DateTime, $end: DateTime, $timezone: String, $interval: UsageInterval,
                  $groupBy: [UsageGroupBy!], $limit: Int, $filter: UsageFilter) {
        usage(start: $start, end: $end, timezone: $timezone, interval: $interval, groupBy: $groupBy, limit: $limit,
              filter: $filter) {
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
  ),
  maxLimit: GROUP_LIMIT.max,
  success: [{ status: 200, description: 'The totals.' }],
  errors: [400],
  respell: (usage) => ({ ...usage, data: usage.data.map((row) => ({ ...row, group: fromGroup(row.group) })) }),
});

const listEvents = operation(
  graphql(
    `query UsageHistory($start: DateTime, $end: DateTime, $recordedAfter: DateTime, $first: Int, $after: String,
                        $filter: UsageFilter) {
      usageEvents(start: $start, end: $end, recordedAfter: $recordedAfter, first: $first, after: $after,
                  filter: $filter) {
        edges { node { ...UsageEventFields } }
        pageInfo { hasNextPage endCursor }
      }
    }`,
    [usageEventFields],
  ),
);

const COLUMNS = Object.keys(fragmentSchema(listEvents.document).shape);

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
  operation: listEvents,
  maxLimit: HISTORY_PAGE_MAX,
  success: [{ status: 200, description: 'A page of events.' }],
  errors: [400],
  otherAnswers: [...STREAM_FORMS.keys()],
  async run({ variables, request }, execute) {
    const readPage = async (asked: typeof variables) => toList((await execute(listEvents, asked)).usage_events);
    const form = streamFormFor(request.header('accept'));
    if (form === null) return { status: 200, body: await readPage(variables) };
    return streamPages(form, COLUMNS, async (after) => {
      const page = await readPage({ ...variables, first: HISTORY_PAGE_MAX, after });
      return { events: page.data, next: page.next_cursor };
    });
  },
});

const getEvent = route({
  method: 'get',
  path: '/v1/usage/{id}',
  operationId: 'getUsageEvent',
  summary: 'One usage event',
  tag: 'Usage',
  scope: 'usage:read',
  operation: operation(
    graphql(`query UsageEvent($id: ID!) { usageEvent(id: $id) { ...UsageEventFields } }`, [usageEventFields]),
  ),
  success: [{ status: 200, description: 'The event.' }],
  errors: [404],
});

export const usageRoutes = [recordUsage, getUsage, getHistory, getEvent, voidUsage];
