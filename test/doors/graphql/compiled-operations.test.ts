import { execute, type GraphQLError, parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import type { Context } from '../../../src/domain/context.ts';
import { recordUsageBatch } from '../../../src/domain/usage/record-usage-batch.ts';
import { voidUsage } from '../../../src/domain/usage/void-usage.ts';
import { translateError } from '../../../src/graphql/builder/errors.ts';
import { schema } from '../../../src/graphql/schema.ts';
import { compileOperation } from '../../../src/graphql/server/execute.ts';
import { useTestDomain } from '../../harness/domain.ts';
import { makeOrganization } from '../../harness/make.ts';

// Both doors run compiled operations, whose variables are read by a way of our own: the answer is
// that of GraphQL's own executor.

const domain = useTestDomain();

const FIELDS = `
  fragment All on UsageEvent {
    id event_id: eventId provider model serviceTier inputTokens outputTokens totalTokens cacheReadTokens cacheWriteTokens
    cacheWrite1hTokens reasoningTokens inputAudioTokens outputAudioTokens webSearches requests timestamp recordedAt
    teamId userId apiKeyId tags metadata cost computedCost costSource priceId unpricedReason
    costBreakdown { unit quantity unit_price: unitPrice amount } warnings holdId voids voidReason duplicate
  }`;
const FIND = `query Find($id: ID!) { found: usageEvent(id: $id) { ...All } } ${FIELDS}`;
const RECORD = `mutation Record($input: RecordUsageInput!) { recordUsage(input: $input) { ...All } } ${FIELDS}`;
const BATCH = `mutation Batch($input: RecordUsageBatchInput!) {
  recordUsageBatch(input: $input) { data { index status id cost error { code message details } } created duplicates conflicts invalid }
}`;

async function makeContext(): Promise<Context> {
  return domain().contextOf(await makeOrganization(domain()));
}

/** Both answers, as they would be sent. */
async function both(context: Context, text: string, variables: Record<string, unknown>) {
  const document = parse(text);
  const send = (answer: unknown) => JSON.parse(JSON.stringify(answer));
  const compiled = await compileOperation(document)(context, variables);
  const usual = await execute({ schema, document, contextValue: context, variableValues: { ...variables } });
  return { compiled: send(compiled), usual: send(usual) };
}

const EVENT = { provider: 'openai', model: 'gpt-4o', inputTokens: 1_000, outputTokens: 500 };
const EVENTS = [
  { ...EVENT, id: 'priced', timestamp: '2026-11-20T10:00:00+05:30' },
  { ...EVENT, id: 'unpriced', model: 'nobody-knows' },
  {
    ...EVENT,
    id: 'charged',
    cost: '0.123456789012345678',
    tags: { env: 'prod' },
    metadata: { deep: [1, { b: null }] },
  },
  {
    provider: 'anthropic',
    model: 'claude-sonnet-4-5',
    id: 'raw',
    usage: { input_tokens: 5, output_tokens: 7, cache_read_input_tokens: 11 },
  },
  { ...EVENT, id: 'wrong', cacheReadTokens: 9_999 },
];

describe('a compiled operation answers as the executor of GraphQL itself', () => {
  it('for events of every kind, their reverses, and repeats', async () => {
    const context = await makeContext();
    const ids: string[] = [];
    for (const input of EVENTS.slice(0, 4)) {
      const first = await compileOperation(parse(RECORD))(context, { input });
      expect(first.errors).toBeUndefined();
      const { recordUsage: recorded } = first.data as { recordUsage: { id: string } };
      ids.push(recorded.id);
      const repeat = await both(context, RECORD, { input });
      expect(repeat.compiled).toEqual(repeat.usual);
      expect(repeat.compiled.data.recordUsage).toEqual({ ...JSON.parse(JSON.stringify(recorded)), duplicate: true });
    }
    const reversed = await voidUsage(context, { id: ids[2] ?? '', reason: 'sent twice' });
    expect(reversed.duplicate).toBe(false);
    const events = await domain().sql.query<{ event_id: string }>(
      'SELECT event_id FROM usage_events WHERE organization_id = $1',
      [context.caller.organization.id],
    );
    expect(events.rows).toHaveLength(5);
    for (const id of ids) {
      const { compiled, usual } = await both(context, FIND, { id });
      expect(compiled).toEqual(usual);
      expect(Object.keys(compiled.data.found)).toEqual(Object.keys(usual.data.found));
    }
  });

  it('for batches whose items are stored, repeated, in conflict and wrong', async () => {
    const context = await makeContext();
    await recordUsageBatch(context, [{ ...EVENT, id: 'priced', inputTokens: 1 }]);
    const input = { events: EVENTS };
    await compileOperation(parse(BATCH))(context, { input });
    const { compiled, usual } = await both(context, BATCH, { input });
    expect(compiled).toEqual(usual);
    expect(compiled.data.recordUsageBatch).toMatchObject({ created: 0, duplicates: 3, conflicts: 1, invalid: 1 });
  });

  /** All that is said, but the value itself: graphql-js prints it whole, however large it is. */
  const told = (errors: readonly GraphQLError[] | undefined) =>
    errors?.map(({ message, extensions }) =>
      JSON.stringify([message, extensions]).replaceAll(/got invalid value .*?(?= at \\"|; )/g, 'got invalid value'),
    );

  it.each([
    ['a field that is none', { input: { ...EVENT, colour: 'red' } }],
    ['a missing field', { input: { model: 'gpt-4o' } }],
    ['a count that is none', { input: { ...EVENT, inputTokens: 1.5 } }],
    ['a text for a count', { input: { ...EVENT, inputTokens: '1' } }],
    ['a number for a text', { input: { ...EVENT, model: 4 } }],
    ['a time that is none', { input: { ...EVENT, timestamp: 'yesterday' } }],
    ['a cost that is none', { input: { ...EVENT, cost: '1e400' } }],
    ['null for the whole', { input: null }],
    ['nothing at all', {}],
    ['a list for an object', { input: [EVENT] }],
    ['null for what must be', { input: { ...EVENT, provider: null } }],
    ['a refusal of the domain', { input: { ...EVENT, outputTokens: null } }],
  ])('when variables are wrong: %s', async (_, variables) => {
    const context = await makeContext();
    const document = parse(RECORD);
    const { data, errors } = await compileOperation(document)(context, variables);
    const usual = await execute({ schema, document, contextValue: context, variableValues: variables });
    const { log } = context.resources;
    const refusals = usual.errors?.map((error) => translateError(error, log, context.requestId));
    expect(told(errors)).toEqual(told(refusals));
    expect(errors?.length).toBeGreaterThan(0);
    // Nothing was run, or the one field has failed.
    expect([null, { recordUsage: null }]).toContainEqual(data ?? null);
  });
});
