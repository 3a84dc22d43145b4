import { describe, expect, test } from 'vitest';
import { collectSpanUsage } from '../../../src/domain/otlp/collect-usage.ts';
import { decodeOtlp } from '../../../src/domain/otlp/wire/decode-otlp.ts';
import { encodeRequest, type Plain, SECRET, SPAN_ID, type TestSpan, TRACE_ID, toRequest } from './otlp-request.ts';

const CALL = {
  'gen_ai.operation.name': 'chat',
  'gen_ai.provider.name': 'openai',
  'gen_ai.request.model': 'gpt-4o',
  'gen_ai.usage.input_tokens': 100,
  'gen_ai.usage.output_tokens': 10,
};

function collect(spans: TestSpan[], resource: Record<string, Plain> = {}, isExclusive = false) {
  const request = encodeRequest(toRequest(spans, resource), 'json');
  return collectSpanUsage(decodeOtlp(request, 'json'), isExclusive);
}

const spanId = (n: number) => n.toString(16).padStart(16, '0');

test('id, times, who and where come from the span and its resource', () => {
  const attributes = {
    ...CALL,
    'gen_ai.response.model': 'gpt-4o-2024-08-06',
    'gen_ai.response.id': 'chatcmpl-Aq7ZwA3x',
    'gen_ai.conversation.id': 'conv-9',
    'gen_ai.agent.name': 'buyer',
    'gen_ai.prompt.name': 'greet',
    'gen_ai.prompt.version': '3',
    'enduser.id': 'u-42',
    'error.type': 'timeout',
  };
  const resource = { 'service.name': 'shop', 'deployment.environment': 'prod', 'host.name': SECRET };
  const span = { traceId: TRACE_ID.toUpperCase(), spanId: SPAN_ID.toUpperCase(), isError: true, attributes };
  const { events } = collect([span], resource);
  expect(events).toEqual([
    {
      spanId: SPAN_ID,
      event: {
        id: `${TRACE_ID}:${SPAN_ID}`,
        provider: 'openai',
        model: 'gpt-4o-2024-08-06',
        serviceTier: null,
        timestamp: new Date(1793000001200),
        teamId: null,
        userId: 'u-42',
        tags: { service: 'shop', env: 'prod', agent: 'buyer' },
        metadata: {
          session: 'conv-9',
          response_id: 'chatcmpl-Aq7ZwA3x',
          request_model: 'gpt-4o',
          prompt_name: 'greet',
          prompt_version: '3',
          error_type: 'timeout',
          instrumentation: 'demo.instr@0.3.0',
        },
        inputTokens: 100,
        outputTokens: 10,
        cacheReadTokens: 0,
        cacheWriteTokens: 0,
        cacheWrite1hTokens: 0,
        reasoningTokens: 0,
        inputAudioTokens: 0,
        outputAudioTokens: 0,
        webSearches: 0,
        units: null,
        responseId: 'chatcmpl-Aq7ZwA3x',
        telemetry: {
          startedAt: new Date(1793000000000),
          servedModel: null,
          warnings: [],
          isWithoutUsage: false,
          charge: null,
          isTeamOptional: true,
        },
      },
      requestModel: 'gpt-4o',
      callId: 'chatcmpl-Aq7ZwA3x',
      providerId: 'chatcmpl-Aq7ZwA3x',
      inputRule: 'inclusive',
      statedInput: 100,
      statedOutput: 10,
    },
  ]);
});

test('words are cut to what a record takes, and never hold what PostgreSQL cannot store', () => {
  const { events } = collect([{ attributes: { ...CALL, 'user.id': `a\0${'😀'.repeat(200)}` } }]);
  const userId = events[0]?.event.userId;
  expect(userId).toHaveLength(255);
  expect(userId?.isWellFormed()).toBe(true);
  expect(userId).not.toContain('\0');
});

describe('spans that only repeat or wrap are not counted', () => {
  const operations =
    'invoke_agent create_agent invoke_workflow execute_tool plan retrieval fetch_response search_memory';
  test.each(operations.split(' '))('operation %s', (operation) => {
    const span = { attributes: { ...CALL, 'gen_ai.operation.name': operation } };
    expect(collect([span])).toEqual({ events: [], ignored: 1, rejected: [] });
  });

  const { 'gen_ai.operation.name': _, ...anonymous } = CALL;
  test.each<[string, TestSpan]>([
    [
      'an AI SDK container',
      { name: 'ai.generateText', attributes: { ...anonymous, 'ai.operationId': 'ai.generateText' } },
    ],
    ['an AI SDK tool', { name: 'ai.toolCall', attributes: anonymous }],
    ['an OpenInference chain', { attributes: { ...anonymous, 'openinference.span.kind': 'CHAIN' } }],
    ['an OpenLLMetry workflow', { attributes: { ...anonymous, 'traceloop.span.kind': 'workflow' } }],
    ['a Sentry agent', { attributes: { ...anonymous, 'sentry.op': 'gen_ai.invoke_agent' } }],
    ['an agent run that names no model', { attributes: { 'gen_ai.system': 'openai', 'gen_ai.usage.input_tokens': 5 } }],
    [
      'a call that failed and tells no tokens',
      { isError: true, attributes: { 'gen_ai.operation.name': 'chat', 'gen_ai.request.model': 'gpt-4o' } },
    ],
    ['a span of something else', { name: 'GET /', attributes: { 'http.request.method': 'GET' } }],
  ])('%s', (_title, span) => {
    expect(collect([span])).toEqual({ events: [], ignored: 1, rejected: [] });
  });
});

describe('one call traced twice is one event', () => {
  const kept = (spans: TestSpan[]) => collect(spans).events.map((usage) => usage.spanId);

  test('by the response id; the one that tells more is kept', () => {
    const wrapper = { spanId: spanId(1), attributes: { ...CALL, 'gen_ai.response.id': 'r1' } };
    const inner = {
      spanId: spanId(2),
      attributes: { ...CALL, 'gen_ai.response.id': 'r1', 'gen_ai.usage.cache_read.input_tokens': 50 },
    };
    expect(kept([wrapper, inner])).toEqual([spanId(2)]);
    expect(kept([inner, wrapper])).toEqual([spanId(2)]);
    expect(collect([wrapper, inner]).ignored).toBe(1);
  });

  test('by the nearest ancestor with the same model and numbers, over spans between', () => {
    const outer = { spanId: spanId(1), attributes: CALL };
    const http = { spanId: spanId(2), parentSpanId: spanId(1), attributes: {} };
    const inner = {
      spanId: spanId(3),
      parentSpanId: spanId(2),
      attributes: { ...CALL, 'gen_ai.response.model': 'gpt-4o-2024-08-06', 'gen_ai.response.id': 'r1' },
    };
    expect(kept([inner, http, outer])).toEqual([spanId(3)]);
    expect(kept([outer, http, inner])).toEqual([spanId(3)]);
  });

  test('by the same span sent twice', () => {
    expect(kept([{ attributes: CALL }, { attributes: CALL }])).toEqual([SPAN_ID]);
  });

  test('of which the one that tells more is kept, and the first where both tell as much, whichever is outside', () => {
    const outer = { spanId: spanId(1), attributes: { ...CALL, 'gen_ai.response.id': 'r1' } };
    const inner = { ...outer, spanId: spanId(2), parentSpanId: spanId(1) };
    const more = { ...inner, attributes: { ...inner.attributes, 'gen_ai.usage.cache_read.input_tokens': 60 } };
    expect(kept([outer, inner])).toEqual([spanId(1)]);
    expect(kept([inner, outer])).toEqual([spanId(2)]);
    expect(kept([outer, more])).toEqual([spanId(2)]);
    expect(kept([more, outer])).toEqual([spanId(2)]);
  });

  test('but brothers, other numbers, other response ids and other traces are calls of their own', () => {
    const of = (n: number, more: Partial<TestSpan>, attributes = {}) => ({
      ...more,
      spanId: spanId(n),
      attributes: { ...CALL, ...attributes },
    });
    expect(kept([of(1, {}), of(2, {})])).toHaveLength(2);
    expect(kept([of(1, {}), of(2, { parentSpanId: spanId(1) }, { 'gen_ai.usage.input_tokens': 101 })])).toHaveLength(2);
    const answers = [{ 'gen_ai.response.id': 'r1' }, { 'gen_ai.response.id': 'r2' }];
    expect(kept([of(1, {}, answers[0]), of(2, { parentSpanId: spanId(1) }, answers[1])])).toHaveLength(2);
    const elsewhere = { traceId: '1'.repeat(32), parentSpanId: spanId(1) };
    expect(kept([of(1, {}, answers[0]), of(2, elsewhere, answers[0])])).toHaveLength(2);
  });

  test('a loop of parents ends', () => {
    const one = { spanId: spanId(1), parentSpanId: spanId(2), attributes: { ...CALL, 'gen_ai.response.id': 'r1' } };
    const two = { spanId: spanId(2), parentSpanId: spanId(1), attributes: { ...CALL, 'gen_ai.usage.input_tokens': 7 } };
    expect(kept([one, two])).toHaveLength(2);
    expect(kept([one, { ...one, spanId: spanId(2), parentSpanId: spanId(1) }])).toHaveLength(1);
  });
});

describe('cached tokens are inside the input once', () => {
  const cached = (input: number) => ({
    attributes: {
      ...CALL,
      'gen_ai.usage.input_tokens': input,
      'gen_ai.usage.cache_read.input_tokens': 60,
      'gen_ai.usage.cache_write.input_tokens': 30,
    },
  });
  const inputOf = (span: TestSpan, isExclusive = false) =>
    collect([span], {}, isExclusive).events.map(({ event, inputRule }) => [
      event.inputTokens,
      inputRule,
      event.metadata,
    ]);

  test.each([
    [90, 90, 'inclusive'],
    [89, 179, 'exclusive'],
  ])('input %i is read as %i, %s', (input, expected, rule) => {
    const metadata = { instrumentation: 'demo.instr@0.3.0', input_rule: rule };
    expect(inputOf(cached(input))).toEqual([[expected, rule, metadata]]);
  });

  test('an API key that says so is believed', () => {
    expect(inputOf(cached(500), true)[0]?.slice(0, 2)).toEqual([590, 'exclusive']);
    expect(inputOf(cached(500))[0]?.slice(0, 2)).toEqual([500, 'inclusive']);
    expect(inputOf({ attributes: CALL }, true)[0]?.slice(0, 2)).toEqual([100, 'inclusive']);
  });
});

describe('a call whose numbers cannot be used is rejected, and holds up no other', () => {
  const good = { spanId: spanId(1), attributes: CALL };
  const { 'gen_ai.request.model': ___, ...withoutModel } = CALL;
  test.each<[string, TestSpan, string]>([
    ['negative', { attributes: { ...CALL, 'gen_ai.usage.input_tokens': -1 } }, 'gen_ai.usage.input_tokens'],
    ['a fraction', { attributes: { ...CALL, 'gen_ai.usage.output_tokens': 1.5 } }, 'gen_ai.usage.output_tokens'],
    ['a word', { attributes: { ...CALL, 'gen_ai.usage.output_tokens': SECRET } }, 'gen_ai.usage.output_tokens'],
    ['past 2^53', { attributes: { ...CALL, 'gen_ai.usage.input_tokens': '9007199254740992' } }, 'input_tokens'],
    ['no model', { attributes: withoutModel }, 'must name a model'],
    ['a short span id', { spanId: 'abcd', attributes: CALL }, 'spanId'],
    ['a trace id of zeros', { traceId: '0'.repeat(32), attributes: CALL }, 'traceId'],
    ['no time', { start: '0', end: '0', attributes: CALL }, 'must be set'],
    ['a bad time', { start: '-5', attributes: CALL }, 'nanoseconds'],
  ])('%s', (_title, bad, message) => {
    const result = collect([good, bad]);
    expect(result).toMatchObject({ events: [{ spanId: spanId(1) }], ignored: 0 });
    expect(result.rejected).toHaveLength(1);
    expect(result.rejected[0]?.message).toContain(message);
    expect(JSON.stringify(result)).not.toContain(SECRET);
  });
});
