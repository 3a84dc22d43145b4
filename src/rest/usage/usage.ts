import type { VariablesOf } from 'gql.tada';
import { HISTORY_PAGE_MAX } from '../../domain/usage/list-usage-events.ts';
import { GROUP_LIMIT } from '../../domain/usage/summarize-usage.ts';
import { fragmentSchema } from '../http/answer-schema.ts';
import { graphql } from '../http/graphql.ts';
import { operation } from '../http/operation.ts';
import { type Execute, type RouteAnswer, route } from '../http/route.ts';
import { oneOf, toList } from '../http/schemas.ts';
import { recordUsage, voidUsage } from './record-usage.ts';
import { recordUsageBatch } from './record-usage-batch.ts';
import { DEFAULT_FORM, STREAM_FORMS, type StreamForm, streamFormFor, streamPages } from './stream-history.ts';
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
            start end group { key value name } other requests inputTokens outputTokens totalTokens cacheReadTokens
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

const LIST_EVENTS = graphql(
  `query UsageHistory($start: DateTime, $end: DateTime, $recordedAfter: DateTime, $eventId: String, $first: Int,
                        $after: String, $filter: UsageFilter) {
      usageEvents(start: $start, end: $end, recordedAfter: $recordedAfter, eventId: $eventId, first: $first,
                  after: $after, filter: $filter) {
        edges { node { ...UsageEventFields } }
        pageInfo { hasNextPage endCursor }
      }
    }`,
  [usageEventFields],
);
const listEvents = operation(LIST_EVENTS);

const COLUMNS = Object.keys(fragmentSchema(listEvents.document).shape);

type HistoryVariables = VariablesOf<typeof LIST_EVENTS>;

function readPage(execute: Execute, variables: HistoryVariables) {
  return execute(listEvents, variables).then(({ usage_events: events }) => toList(events));
}

/** The whole result, page by page. */
function streamAll(
  form: StreamForm,
  execute: Execute,
  { variables, isRaw }: { variables: HistoryVariables; isRaw: boolean },
): Promise<RouteAnswer> {
  return streamPages(form, { columns: COLUMNS, isRaw }, async (after) => {
    const page = await readPage(execute, { ...variables, first: HISTORY_PAGE_MAX, after });
    return { events: page.data, next: page.next_cursor };
  });
}

/** Of CSV. */
export const RAW = {
  raw: oneOf(['true', 'false']).openapi({
    description:
      'For CSV: `true` leaves cells as they are. By default a string that a spreadsheet would run as a formula (it ' +
      'begins with `=`, `+`, `-`, `@`, a tab or a carriage return) gets an apostrophe in front.',
  }),
};

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
  ownQuery: RAW,
  success: [{ status: 200, description: 'A page of events.' }],
  errors: [400],
  otherAnswers: [...STREAM_FORMS.keys()],
  async run({ variables, request, own }, execute) {
    const form = streamFormFor(request.header('accept'));
    if (form === null) return { status: 200, body: await readPage(execute, variables) };
    return streamAll(form, execute, { variables, isRaw: own.raw === 'true' });
  },
});

const exportUsage = route({
  method: 'get',
  path: '/v1/usage/export',
  operationId: 'exportUsage',
  summary: 'All events as one stream, newest first',
  description: 'CSV, or NDJSON with `Accept: application/x-ndjson`: the whole result, of any size.',
  tag: 'Usage',
  scope: 'usage:read',
  operation: listEvents,
  ownVariables: ['first', 'after'],
  ownQuery: RAW,
  success: [{ status: 200, description: 'The events, one a line.' }],
  errors: [400],
  otherAnswers: [...STREAM_FORMS.keys()],
  isStream: true,
  run({ variables, request, own }, execute) {
    const form = streamFormFor(request.header('accept')) ?? DEFAULT_FORM;
    return streamAll(form, execute, { variables, isRaw: own.raw === 'true' });
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

// The routes at fixed paths come before those whose path has an id.
export const usageRoutes = [recordUsage, recordUsageBatch, getUsage, getHistory, exportUsage, getEvent, voidUsage];
