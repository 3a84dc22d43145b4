import { execute, parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import type { Context } from '../../../src/domain/context.ts';
import { recordUsageBatch } from '../../../src/domain/usage/record-usage-batch.ts';
import { voidUsage } from '../../../src/domain/usage/void-usage.ts';
import { translateError } from '../../../src/graphql/builder/errors.ts';
import { schema } from '../../../src/graphql/schema.ts';
import { compileOperation } from '../../../src/graphql/server/execute.ts';
import { compilePlainOperation } from '../../../src/graphql/server/execute-plain.ts';
import { useTestDomain } from '../../harness/domain.ts';
import { makeOrganization } from '../../harness/make.ts';

// The hot routes execute by a way of our own: whatever they ask, it answers as the executor for everything does.

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
async function both(context: Context, text: string, variables: object) {
  const document = parse(text);
  const send = (answer: unknown) => JSON.parse(JSON.stringify(answer));
  const plain = await compilePlainOperation(document)(context, variables);
  const usual = await compileOperation(document)(context, variables);
  return { plain: send(plain), usual: send(usual) };
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

describe('a plain operation answers as any other', () => {
  it('for events of every kind, their reverses, and repeats', async () => {
    const context = await makeContext();
    const ids: string[] = [];
    for (const input of EVENTS.slice(0, 4)) {
      const first = await compilePlainOperation(parse(RECORD))(context, { input });
      expect(first.errors).toBeUndefined();
      const { recordUsage: recorded } = first.data as { recordUsage: { id: string } };
      ids.push(recorded.id);
      const repeat = await both(context, RECORD, { input });
      expect(repeat.plain).toEqual(repeat.usual);
      expect(repeat.plain.data.recordUsage).toEqual({ ...JSON.parse(JSON.stringify(recorded)), duplicate: true });
    }
    const reversed = await voidUsage(context, { id: ids[2] ?? '', reason: 'sent twice' });
    expect(reversed.duplicate).toBe(false);
    const events = await domain().sql.query<{ event_id: string }>(
      'SELECT event_id FROM usage_events WHERE organization_id = $1',
      [context.caller.organization.id],
    );
    expect(events.rows).toHaveLength(5);
    for (const id of ids) {
      const { plain, usual } = await both(context, FIND, { id });
      expect(plain).toEqual(usual);
      expect(Object.keys(plain.data.found)).toEqual(Object.keys(usual.data.found));
    }
  });

  it('for batches whose items are stored, repeated, in conflict and wrong', async () => {
    const context = await makeContext();
    await recordUsageBatch(context, [{ ...EVENT, id: 'priced', inputTokens: 1 }]);
    const input = { events: EVENTS };
    await compilePlainOperation(parse(BATCH))(context, { input });
    const { plain, usual } = await both(context, BATCH, { input });
    expect(plain).toEqual(usual);
    expect(plain.data.recordUsageBatch).toMatchObject({ created: 0, duplicates: 3, conflicts: 1, invalid: 1 });
  });

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
    const { data, errors } = await compilePlainOperation(document)(context, variables);
    const usual = await execute({ schema, document, contextValue: context, variableValues: variables });
    const { log } = context.resources;
    const refusals = usual.errors?.map((error) => translateError(error, log, context.requestId));
    expect(errors?.map(({ message }) => message)).toEqual(refusals?.map(({ message }) => message));
    expect(errors?.map(({ extensions }) => extensions)).toEqual(refusals?.map(({ extensions }) => extensions));
    expect(errors?.length).toBeGreaterThan(0);
    expect(data ?? null).toBeNull();
  });

  it('and is not made of a document that is not plain', () => {
    for (const text of [
      '{ me { id } organization { id } }',
      'query ($id: ID!) { usageEvent(id: $id) { ... on UsageEvent { id } } }',
      'query ($id: ID!, $no: Boolean!) { usageEvent(id: $id) { id @skip(if: $no) } }',
      '{ usageEvents(first: 3) { edges { node { id } } } }',
    ]) {
      expect(() => compilePlainOperation(parse(text))).toThrow('no plain operation');
    }
  });
});
