import { inputReader } from '../http/input-schema.ts';
import { route } from '../http/route.ts';
import { BATCH_KEY_DESCRIPTION, BATCH_KEY_MAX } from './event-ids.ts';
import { NDJSON_EXAMPLE, recordBatch, runMany } from './record-usage.ts';

export const recordUsageBatch = route({
  method: 'post',
  path: '/v1/usage/batch',
  operationId: 'recordUsageBatch',
  summary: 'Record a batch of usage events',
  description:
    '`{"events": [...]}` with 1 to 1,000 events, or NDJSON with 1 to 10,000 lines. Good events are stored, bad ones ' +
    'named; the answer has one item for each event, in order, after the commit.',
  tag: 'Usage',
  scope: 'usage:write',
  ownIdempotency: true,
  keyDescription: { text: BATCH_KEY_DESCRIPTION, max: BATCH_KEY_MAX },
  operation: recordBatch,
  documentedBody: inputReader('RecordUsageBatchInput').schema,
  success: [{ status: 200, description: 'What became of each event.' }],
  errors: [400],
  otherMedia: NDJSON_EXAMPLE,
  run: ({ body, request }, execute) => runMany(execute, body, request),
});
