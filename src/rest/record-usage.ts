import { z } from '@hono/zod-openapi';
import { USAGE_LIMITS } from '../domain/usage/usage-input.ts';
import { type ErrorCode, invalidField, invalidRequest } from '../platform/errors.ts';
import { checkValue, findProblems } from './check-value.ts';
import { translateFailure } from './errors.ts';
import { graphql } from './graphql.ts';
import { type Execute, operation, type RestRequest, type RouteAnswer, route } from './route.ts';
import { fromUsageEvent, lowerCase, toUsageInput, usageEventFields } from './usage-maps.ts';
import { batchResult, recordUsageBody, usageEvent, usageEventInput } from './usage-schemas.ts';

const recordOne = operation(
  graphql(
    `mutation RecordUsage($input: RecordUsageInput!) { recordUsage(input: $input) { ...UsageEventFields duplicate } }`,
    [usageEventFields],
  ),
);
const recordBatch = operation(
  graphql(`
    mutation RecordUsageBatch($input: RecordUsageBatchInput!) {
      recordUsageBatch(input: $input) {
        data { index status id cost error { code message details } } created duplicates conflicts invalid
      }
    }
  `),
);

async function runSingle(execute: Execute, body: unknown, request: RestRequest): Promise<RouteAnswer> {
  const input = toUsageInput(checkValue(usageEventInput, body));
  const key = request.header('idempotency-key');
  if (key !== null) {
    if (input.id !== undefined && input.id !== null && input.id !== key) {
      throw invalidField('id', 'must equal the Idempotency-Key header, where both are given');
    }
    input.id = key;
  }
  const { record_usage: recorded } = await execute(recordOne, { input });
  const { duplicate, ...event } = recorded;
  return { status: duplicate ? 200 : 201, body: fromUsageEvent(event) };
}

const batchEnvelope = z.strictObject({
  events: z
    .array(z.unknown())
    .min(1, 'must hold at least 1 event')
    .max(USAGE_LIMITS.batchEvents, `must hold at most ${USAGE_LIMITS.batchEvents} events`),
});

type BatchItem = z.output<typeof batchResult>['data'][number];

/** An item that this door refuses by its form alone, in the shape of the answer. */
function refusedItem(index: number, issues: Parameters<typeof findProblems>[0]): BatchItem {
  const { message, details } = invalidRequest(findProblems(issues));
  const { error } = translateFailure({ code: 'invalid_request', message, details }).body;
  return { index, status: 'invalid', id: null, cost: null, error };
}

function itemError(error: { code: string; message: string; details: unknown }): BatchItem['error'] {
  const { code, message, details } = error;
  return translateFailure({ code: code as ErrorCode, message, details: details as Record<string, unknown> }).body.error;
}

/** Checks items one by one: those of a wrong form are answered here, the others by the operation, all in order. */
async function runBatch(execute: Execute, body: unknown): Promise<RouteAnswer> {
  const { events } = checkValue(batchEnvelope, body);
  const inputs: ReturnType<typeof toUsageInput>[] = [];
  const places: number[] = [];
  const data: BatchItem[] = new Array(events.length);
  events.forEach((event, index) => {
    const parsed = usageEventInput.safeParse(event, { reportInput: true });
    if (parsed.success) {
      inputs.push(toUsageInput(parsed.data));
      places.push(index);
    } else data[index] = refusedItem(index, parsed.error.issues);
  });
  const { record_usage_batch: result } = await execute(recordBatch, { input: { events: inputs } });
  result.data.forEach((item, i) => {
    const index = places[i] ?? i;
    data[index] = { ...item, index, status: lowerCase(item.status), error: item.error && itemError(item.error) };
  });
  const { created, duplicates, conflicts } = result;
  const invalid = result.invalid + events.length - inputs.length;
  return { status: 200, body: { data, created, duplicates, conflicts, invalid } };
}

function isBatch(body: unknown): boolean {
  return typeof body === 'object' && body !== null && Object.hasOwn(body, 'events');
}

export const recordUsage = route({
  method: 'post',
  path: '/v1/usage',
  operationId: 'recordUsage',
  summary: 'Record one usage event, or a batch',
  description:
    'One event, or `{"events": [...]}` with 1 to 1,000. Answered after the commit: what got a 2xx is on disk. The ' +
    "event's `id` (for a single event also the header `Idempotency-Key`) makes a repeat harmless for ever.",
  tag: 'Usage',
  scope: 'usage:write',
  looseBody: recordUsageBody,
  success: [
    { status: 201, description: 'The event, recorded.', schema: usageEvent },
    {
      status: 200,
      description: 'A repeat: the first record. For a batch: what became of each event.',
      schema: z.union([usageEvent, batchResult]),
    },
  ],
  errors: [400, 409],
  run: ({ body, request }, execute) => (isBatch(body) ? runBatch(execute, body) : runSingle(execute, body, request)),
});
