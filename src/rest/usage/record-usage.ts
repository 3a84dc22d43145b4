import { setImmediate } from 'node:timers/promises';
import { z } from '@hono/zod-openapi';
import type { VariablesOf } from 'gql.tada';
import { GraphQLError } from 'graphql';
import { USAGE_LIMITS } from '../../domain/input/limits.ts';
import { createErrorRoom, type ErrorCode, type FieldProblem, invalidField } from '../../platform/errors.ts';
import { mediaType, STREAM_LIMIT_BYTES } from '../../platform/http/http-body.ts';
import { fragmentSchema } from '../http/answer-schema.ts';
import { checkValue, findProblems, refuseAsWritten } from '../http/check-value.ts';
import { fromGraphQLError, translateFailure } from '../http/errors.ts';
import { graphql } from '../http/graphql.ts';
import { inputReader } from '../http/input-schema.ts';
import { operation } from '../http/operation.ts';
import type { RestRequest } from '../http/request.ts';
import { type Execute, type RouteAnswer, route } from '../http/route.ts';
import { BATCH_KEY_MAX, giveId, readEventKey, SINGLE_KEY_DESCRIPTION } from './event-ids.ts';
import { BadLine, parseLine } from './parse-line.ts';
import { usageEventFields } from './usage-event.ts';

const NDJSON = 'application/x-ndjson';
export const NDJSON_EXAMPLE = {
  [NDJSON]: '{"provider": "openai", "model": "gpt-4o", "input_tokens": 1000, "output_tokens": 500}\n',
};

const RECORD_ONE = graphql(
  `mutation RecordUsage($input: RecordUsageInput!) { recordUsage(input: $input) { ...UsageEventFields duplicate } }`,
  [usageEventFields],
);
const recordOne = operation(RECORD_ONE);
export const recordBatch = operation(
  graphql(`
    mutation RecordUsageBatch($input: RecordUsageBatchInput!) {
      recordUsageBatch(input: $input) {
        data { index status id cost error { code message details } } created duplicates conflicts invalid
      }
    }
  `),
);

type EventInput = VariablesOf<typeof RECORD_ONE>['input'];

const event = inputReader<EventInput>('RecordUsageInput');
const REPORT = { reportInput: true } as const;

async function runSingle(execute: Execute, body: unknown, request: RestRequest): Promise<RouteAnswer> {
  const input = event.accept(body) ?? checkValue(event.schema, body);
  const key = readEventKey(request, USAGE_LIMITS.eventId);
  if (key !== null) {
    if (input.id !== undefined && input.id !== null && input.id !== key) {
      throw invalidField('id', 'must equal the Idempotency-Key header, where both are given');
    }
    input.id = key;
  }
  const { record_usage: recorded } = await execute(recordOne, { input });
  return { status: recorded.duplicate ? 200 : 201, body: withoutDuplicate(recorded) };
}

/**
 * The event as it is sent: the answer is ours alone, so it is changed in place, not copied field by
 * field.
 */
function withoutDuplicate(recorded: { duplicate?: boolean }): object {
  recorded.duplicate = undefined;
  return recorded;
}

const batchEnvelope = z.strictObject({
  events: z
    .array(z.unknown())
    .min(1, 'must hold at least 1 event')
    .max(USAGE_LIMITS.batchEvents, `must hold at most ${USAGE_LIMITS.batchEvents} events`),
});

interface BatchItem {
  index: number;
  status: string;
  id: string | null;
  cost: string | null;
  error: { code: string; message: string; details: unknown } | null;
}

/** An item that this door refuses by its form alone, in the shape of the answer. */
function refusedItem(index: number, problems: FieldProblem[]): BatchItem {
  const ofEvent = problems.map(({ path, message }) => ({ path, message: message.replace(/^The body /, 'The event ') }));
  const { message, details } = refuseAsWritten(ofEvent);
  const { error } = translateFailure({ code: 'invalid_request', message, details }).body;
  return { index, status: 'invalid', id: null, cost: null, error };
}

function itemError(error: { code: string; message: string; details: unknown }): BatchItem['error'] {
  const { code, message, details } = error;
  return translateFailure({ code: code as ErrorCode, message, details: Object(details) }).body.error;
}

interface BatchAnswer {
  data: BatchItem[];
  created: number;
  duplicates: number;
  conflicts: number;
  invalid: number;
}

/** What the items of one request share. */
interface Shared {
  /** What the ids are made of that are not given. */
  key: string | null;
  /** The room for reasons in the answer: a thousand of them would be a large one. */
  bound: ReturnType<typeof createErrorRoom>;
}

function withRoom(item: BatchItem, bound: Shared['bound']): BatchItem {
  if (item.error) item.error = { details: {}, ...bound(item.error) };
  return item;
}

/**
 * Checks items one by one: those of a wrong form are answered here, the others by the operation,
 * all in order.
 */
async function recordItems(
  execute: Execute,
  events: readonly unknown[],
  { key, bound }: Shared,
  first = 0,
): Promise<BatchAnswer> {
  const inputs: EventInput[] = [];
  const places: number[] = [];
  const data: BatchItem[] = new Array(events.length);
  // A reason that does not fit into the answer is not kept: ten thousand of them would fill the memory.
  const refuse = (index: number, problems: FieldProblem[]) => {
    data[index] = withRoom(refusedItem(first + index, problems), bound);
  };
  events.forEach((item, index) => {
    if (item instanceof BadLine) {
      refuse(index, item.problems);
      return;
    }
    const accepted = event.accept(item);
    const parsed = accepted ? { success: true as const, data: accepted } : event.schema.safeParse(item, REPORT);
    if (parsed.success) {
      giveId(parsed.data, key, first + index);
      inputs.push(parsed.data);
      places.push(index);
    } else refuse(index, findProblems(parsed.error.issues));
  });
  const { record_usage_batch: result } = await execute(recordBatch, { input: { events: inputs } });
  result.data.forEach((item, i) => {
    const index = places[i] ?? i;
    item.index = first + index;
    if (item.error) item.error = itemError(item.error);
    data[index] = withRoom(item, bound);
  });
  const { created, duplicates, conflicts } = result;
  const invalid = result.invalid + events.length - inputs.length;
  return { data, created, duplicates, conflicts, invalid };
}

async function runBatch(execute: Execute, body: unknown, key: string | null): Promise<RouteAnswer> {
  const { events } = checkValue(batchEnvelope, body);
  return { status: 200, body: await recordItems(execute, events, { key, bound: createErrorRoom() }) };
}

/**
 * What became of the lines of a chunk that could not be stored: named one by one, since other
 * chunks may be stored.
 */
function refuseChunk(size: number, first: number, error: unknown): BatchAnswer {
  if (!(error instanceof GraphQLError)) throw error;
  const body = translateFailure(fromGraphQLError(error)).body.error;
  const data = Array.from({ length: size }, (_, i): BatchItem => {
    return { index: first + i, status: 'invalid', id: null, cost: null, error: body };
  });
  return { data, created: 0, duplicates: 0, conflicts: 0, invalid: size };
}

/**
 * Newline-delimited JSON, one event a line. The number of lines is checked before any is recorded;
 * then a thousand make a transaction, and the next thousand are prepared while it commits.
 */
async function runLines(execute: Execute, request: RestRequest, key: string | null): Promise<RouteAnswer> {
  const text = await request.text(STREAM_LIMIT_BYTES);
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length === 0 || lines.length > USAGE_LIMITS.batchLines) {
    throw invalidField('', `The body must have 1 to ${USAGE_LIMITS.batchLines} lines.`);
  }
  const shared: Shared = { key, bound: createErrorRoom() };
  const running: Promise<BatchAnswer>[] = [];
  const failures: unknown[] = [];
  for (let first = 0; first < lines.length; first += USAGE_LIMITS.batchEvents) {
    const chunk = lines.slice(first, first + USAGE_LIMITS.batchEvents);
    if (running.length > 1) await running.at(-2);
    // A thousand refused lines take a while and ask nobody: others are served in between.
    if (first > 0) await setImmediate();
    const storing = recordItems(execute, chunk.map(parseLine), shared, first);
    running.push(
      storing.catch((error) => {
        failures.push(error);
        return refuseChunk(chunk.length, first, error);
      }),
    );
  }
  const parts = await Promise.all(running);
  // Nothing of it was recorded: then the request as a whole has failed.
  if (failures.length === parts.length) throw failures[0];
  const total: BatchAnswer = { data: [], created: 0, duplicates: 0, conflicts: 0, invalid: 0 };
  for (const part of parts) {
    total.data.push(...part.data);
    total.created += part.created;
    total.duplicates += part.duplicates;
    total.conflicts += part.conflicts;
    total.invalid += part.invalid;
  }
  return { status: 200, body: total };
}

/** Records the events of a batch, in whichever of its two forms it came. */
export function runMany(execute: Execute, body: unknown, request: RestRequest): Promise<RouteAnswer> {
  const key = readEventKey(request, BATCH_KEY_MAX);
  return isLines(request) ? runLines(execute, request, key) : runBatch(execute, body, key);
}

function isLines(request: RestRequest): boolean {
  return mediaType(request.header('content-type')) === NDJSON;
}

function isBatch(body: unknown): boolean {
  return typeof body === 'object' && body !== null && Object.hasOwn(body, 'events');
}

const voidOne = operation(
  graphql(
    `mutation VoidUsage($input: VoidUsageInput!) { voidUsage(input: $input) { ...UsageEventFields duplicate } }`,
    [usageEventFields],
  ),
);

const usageEvent = fragmentSchema(usageEventFields);

export const voidUsage = route({
  method: 'post',
  path: '/v1/usage/{id}/void',
  operationId: 'voidUsage',
  summary: 'Take an event back',
  description: 'Records its reverse (negative counts and cost, requests too), once; both stay in the ledger.',
  tag: 'Usage',
  scope: 'usage:write',
  ownIdempotency: true,
  operation: voidOne,
  body: 'VoidUsageInput',
  success: [
    { status: 201, description: 'The reversing event.', schema: usageEvent },
    { status: 200, description: 'It was voided before: the first reversing event.', schema: usageEvent },
  ],
  errors: [400, 404, 409],
  async run({ variables }, execute) {
    const { void_usage: reversed } = await execute(voidOne, variables);
    return { status: reversed.duplicate ? 200 : 201, body: withoutDuplicate(reversed) };
  },
});

export const recordUsage = route({
  method: 'post',
  path: '/v1/usage',
  operationId: 'recordUsage',
  summary: 'Record one usage event',
  description:
    "Answered after the commit: what got a 2xx is on disk. The event's `id`, or the header `Idempotency-Key`, makes a " +
    'repeat harmless: it is never recorded twice. For many events at once see `POST /v1/usage/batch`.',
  tag: 'Usage',
  scope: 'usage:write',
  ownIdempotency: true,
  keyDescription: { text: SINGLE_KEY_DESCRIPTION, max: USAGE_LIMITS.eventId },
  operation: recordOne,
  others: [recordBatch],
  documentedBody: event.schema,
  success: [
    { status: 201, description: 'The event, recorded.', schema: usageEvent },
    { status: 200, description: 'A repeat: the first record.', schema: usageEvent },
  ],
  errors: [400, 402, 409],
  // It takes a batch too, in both forms, as `POST /v1/usage/batch` does. The document is silent
  // about it, since a client that is generated from it wants one body and one answer.
  otherMedia: NDJSON_EXAMPLE,
  hasUndocumentedMedia: true,
  run({ body, request }, execute) {
    const isMany = isBatch(body) || isLines(request);
    return isMany ? runMany(execute, body, request) : runSingle(execute, body, request);
  },
});
