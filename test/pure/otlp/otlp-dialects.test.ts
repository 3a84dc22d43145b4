import { describe, expect, test } from 'vitest';
import { collectSpanUsage } from '../../../src/domain/otlp/collect-usage.ts';
import type { SpanUsage } from '../../../src/domain/otlp/span/genai-span.ts';
import { decodeOtlp } from '../../../src/domain/otlp/wire/decode-otlp.ts';
import { encodeRequest, type Plain, type TestSpan, toRequest } from './otlp-request.ts';

// What frameworks, gateways and coding agents call things.

type Attributes = Record<string, Plain>;

function collect(span: TestSpan, resource: Attributes = {}, scope?: object) {
  return collectSpanUsage(decodeOtlp(encodeRequest(toRequest([span], resource, scope), 'protobuf'), 'protobuf'));
}

function eventOf(attributes: Attributes, more: Partial<TestSpan> = {}, resource: Attributes = {}, scope?: object) {
  const result = collect({ ...more, attributes }, resource, scope);
  expect(result).toMatchObject({ rejected: [], events: [{}] });
  return (result.events[0] as SpanUsage).event;
}

const COUNTS = { 'gen_ai.usage.input_tokens': 1_000, 'gen_ai.usage.output_tokens': 100 };
const MODEL = { 'gen_ai.request.model': 'gpt-4o' };
const CHAT = { 'gen_ai.operation.name': 'chat', ...MODEL };

describe('an operation that calls a model is a call, whoever names it', () => {
  const OPERATIONS = [
    'chat text_completion generate_content embeddings',
    'completion acompletion responses aresponses anthropic_messages aembedding embedding atext_completion',
    'agenerate_content agenerate_content_stream _arealtime aimage_generation atranscription arerank',
    'text_completions chat.completions text.completions Chat chat_completion llm_call converse',
    'ChatCompletion InvokeModel model_inference chat.completions.parse messages.create responses.stream',
    'generate_text stream_text generate_object stream_object embed embed_many',
  ];
  test.each(OPERATIONS.join(' ').split(' '))('%s', (operation) => {
    const event = eventOf({ ...MODEL, ...COUNTS, 'gen_ai.operation.name': operation });
    expect(event).toMatchObject({ provider: 'openai', inputTokens: 1_000, outputTokens: 100 });
    const { 'gen_ai.operation.name': _, ...sentry } = { ...CHAT, ...COUNTS, 'sentry.op': `gen_ai.${operation}` };
    expect(eventOf(sentry)).toMatchObject({ inputTokens: 1_000 });
  });

  const OTHERS = 'invoke_agent create_agent execute_tool invoke_workflow aget_responses adelete_responses';
  test.each(`${OTHERS} retrieve_batch plan search_memory handoff afile_retrieve amoderation`.split(' '))(
    'but %s is none',
    (operation) => {
      const attributes = { ...MODEL, ...COUNTS, 'gen_ai.operation.name': operation };
      expect(collect({ attributes }).events).toEqual([]);
    },
  );

  test.each(['agent run', 'MyAgent.run', 'crew kickoff', 'RunnableSequence.chain', 'execute_task gpt-4o'])(
    'nor is a span without any kind that is called %s',
    (name) => {
      expect(collect({ name, attributes: { ...MODEL, ...COUNTS } }).events).toEqual([]);
    },
  );

  test('a model’s own name says nothing about the span', () => {
    const attributes = { 'gen_ai.request.model': 'gpt-4o-search-preview', ...COUNTS };
    expect(eventOf(attributes, { name: 'completion gpt-4o-search-preview' })).toMatchObject({ provider: 'openai' });
  });
});

describe('coding agents', () => {
  test('Claude Code’s input leaves out both caches', () => {
    const event = eventOf(
      {
        'gen_ai.system': 'anthropic',
        'gen_ai.request.model': 'claude-opus-4-6',
        input_tokens: 2,
        output_tokens: 150,
        cache_read_tokens: 9_179,
        cache_creation_tokens: 13_356,
        request_id: 'req_011CVk2yF5',
        'user.email': 'ann@example.invalid',
        'session.id': 's-1',
      },
      { name: 'claude_code.llm_request' },
    );
    expect(event).toMatchObject({
      provider: 'anthropic',
      inputTokens: 22_537,
      cacheReadTokens: 9_179,
      cacheWriteTokens: 13_356,
      outputTokens: 150,
      responseId: 'req_011CVk2yF5',
      userId: 'ann@example.invalid',
      metadata: { session: 's-1' },
    });
  });

  test('bare names mean nothing in other spans', () => {
    expect(collect({ name: 'work', attributes: { ...MODEL, input_tokens: 5, output_tokens: 5 } }).events).toEqual([]);
  });

  test('Gemini CLI, Qwen Code and ADK', () => {
    const model = { 'gen_ai.request.model': 'gemini-2.5-pro' };
    expect(eventOf({ ...model, ...COUNTS, 'gen_ai.operation.name': 'llm_call' })).toMatchObject({ provider: 'google' });
    const adk = { ...model, ...COUNTS, 'gen_ai.system': 'gcp.vertex.agent' };
    expect(eventOf(adk, { name: 'call_llm' })).toMatchObject({ provider: 'google' });
    const qwen = { 'gen_ai.request.model': 'gpt-4o', ...COUNTS, 'gen_ai.user.id': 'u-3' };
    expect(eventOf(qwen, { name: 'qwen-code.llm_request' })).toMatchObject({ userId: 'u-3', inputTokens: 1_000 });
  });
});

describe('the provider is who served the call, not who made the telemetry', () => {
  const BEDROCK = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0';
  test.each<[Attributes, string]>([
    [{ 'gen_ai.system': 'Langchain' }, 'openai'],
    [{ 'gen_ai.system': 'strands-agents', 'gen_ai.request.model': BEDROCK }, 'aws'],
    [{ 'gen_ai.provider.name': 'gateway', 'gen_ai.request.model': 'anthropic/claude-sonnet-4-5' }, 'anthropic'],
    [{ 'gen_ai.system': 'gcp.vertex.agent', 'gen_ai.request.model': 'claude-sonnet-4-5' }, 'anthropic'],
    [{ 'gen_ai.provider.name': 'langgraph', 'gen_ai.system': 'groq' }, 'groq'],
    [{ 'gen_ai.system': 'litellm', 'server.address': 'api.groq.com' }, 'groq'],
    [{ 'gen_ai.model.provider': 'anthropic', 'gen_ai.request.model': 'claude-sonnet-4-5' }, 'anthropic'],
    [{ 'gen_ai.provider.name': 'github' }, 'github-copilot'],
    [{ 'gen_ai.system': 'openai', 'gen_ai.request.model': BEDROCK }, 'aws'],
    [{ 'gen_ai.system': 'openai', 'server.address': 'https://openrouter.ai:443/api/v1' }, 'openrouter'],
    [{ 'gen_ai.system': 'crewai', 'gen_ai.request.model': 'our-own-model' }, 'unknown'],
  ])('%j is served by %s', (attributes, provider) => {
    expect(eventOf({ ...CHAT, ...COUNTS, ...attributes }).provider).toBe(provider);
  });

  test('a deployment that answers with a name of its own is known by what it was asked for', () => {
    const event = eventOf({ ...CHAT, ...COUNTS, 'gen_ai.response.model': 'Prod-Chat-2' });
    expect(event).toMatchObject({ model: 'gpt-4o', telemetry: { servedModel: 'prod-chat-2' } });
    const dated = eventOf({ ...CHAT, ...COUNTS, 'gen_ai.response.model': 'gpt-4o-2024-08-06' });
    expect(dated).toMatchObject({ model: 'gpt-4o-2024-08-06', telemetry: { servedModel: null } });
  });
});

describe('what was charged', () => {
  const BROADCAST = {
    ...CHAT,
    ...COUNTS,
    'gen_ai.provider.name': 'anthropic',
    'gen_ai.request.model': 'anthropic/claude-sonnet-4.5',
    'gen_ai.usage.total_cost': 0.00123,
  };

  test('is what OpenRouter’s own spans say', () => {
    for (const event of [
      eventOf(BROADCAST, {}, { 'service.name': 'openrouter' }),
      eventOf(BROADCAST, {}, {}, { name: 'openrouter' }),
    ]) {
      expect(event).toMatchObject({
        provider: 'openrouter',
        model: 'anthropic/claude-sonnet-4.5',
        telemetry: { charge: '0.00123' },
      });
    }
    const tiny = { ...BROADCAST, 'gen_ai.usage.total_cost': 1.5e-7 };
    expect(eventOf(tiny, {}, { 'service.name': 'openrouter' }).telemetry.charge).toBe('0.00000015');
  });

  test.each(['gen_ai.usage.cost', 'gen_ai.usage.total_cost', 'llm.cost.total', 'operation.cost'])(
    'is not what others compute as %s, which is kept beside it',
    (name) => {
      const event = eventOf({ ...CHAT, ...COUNTS, [name]: 0.25 });
      expect(event).toMatchObject({ telemetry: { charge: null }, metadata: { reported_cost: '0.25' } });
      expect(event.cost).toBeUndefined();
    },
  );

  test.each<Attributes>([
    { 'litellm.cache_hit': true },
    { 'litellm.cache_hit': 'True' },
    { 'kong.gen_ai.cache.status': 'Hit' },
    { 'portkey.cache_status': 'SEMANTIC HIT' },
    { 'gen_ai.cache.hit': true },
  ])('is nothing for what a gateway had in its cache: %j', (attributes) => {
    const event = eventOf({ ...CHAT, ...COUNTS, ...attributes });
    expect(event).toMatchObject({ inputTokens: 1_000, telemetry: { charge: '0' }, metadata: { cache_hit: 'true' } });
  });

  test.each<Attributes>([
    { 'litellm.cache_hit': false },
    { 'litellm.cache_hit': 'None' },
    { 'kong.gen_ai.cache.status': 'Miss' },
  ])('but not for what it had not: %j', (attributes) => {
    expect(eventOf({ ...CHAT, ...COUNTS, ...attributes }).telemetry.charge).toBeNull();
  });
});

describe('Langfuse', () => {
  const generation = (usage: object | string, more: Attributes = {}): Attributes => ({
    'langfuse.observation.type': 'generation',
    'langfuse.observation.model.name': 'gpt-4o',
    'langfuse.observation.usage_details': typeof usage === 'string' ? usage : JSON.stringify(usage),
    ...more,
  });

  test.each<[string, object, object]>([
    [
      'parts that exclude each other',
      { input: 100, output: 50, input_cached_tokens: 900, output_reasoning_tokens: 30, total: 1_080 },
      { inputTokens: 1_000, cacheReadTokens: 900, outputTokens: 80, reasoningTokens: 30 },
    ],
    [
      'caches of Anthropic',
      { input: 10, output: 5, cache_read_input_tokens: 200, cache_creation_input_tokens: 40 },
      { inputTokens: 250, cacheReadTokens: 200, cacheWriteTokens: 40, outputTokens: 5 },
    ],
    [
      'writes that are kept for an hour',
      { input: 10, output: 5, input_cache_creation_5m: 20, input_cache_creation_1h: 30 },
      { inputTokens: 60, cacheWriteTokens: 50, cacheWrite1hTokens: 30 },
    ],
    [
      'audio',
      { input: 10, output: 5, input_audio: 90, output_audio: 20 },
      { inputTokens: 100, inputAudioTokens: 90, outputTokens: 25, outputAudioTokens: 20 },
    ],
    [
      'a provider’s own inclusive numbers, which the total proves',
      {
        prompt_tokens: 1_000,
        completion_tokens: 80,
        total_tokens: 1_080,
        prompt_tokens_details: { cached_tokens: 900 },
        completion_tokens_details: { reasoning_tokens: 30 },
      },
      { inputTokens: 1_000, cacheReadTokens: 900, outputTokens: 80, reasoningTokens: 30 },
    ],
    [
      'Anthropic’s own usage, whose split of writes is no more of them',
      {
        input_tokens: 10,
        output_tokens: 5,
        cache_creation_input_tokens: 40,
        cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 30 },
      },
      { inputTokens: 50, cacheWriteTokens: 40, cacheWrite1hTokens: 30 },
    ],
  ])('%s', (_, usage, counts) => {
    expect(eventOf(generation(usage))).toMatchObject({ model: 'gpt-4o', ...counts });
  });

  test('its user, session, environment and cost', () => {
    const event = eventOf(
      generation(
        { input: 1, output: 1 },
        {
          'langfuse.user.id': 'u-1',
          'langfuse.session.id': 's-1',
          'langfuse.environment': 'prod',
          'langfuse.observation.cost_details': '{"input":0.1,"total":0.3}',
        },
      ),
    );
    expect(event).toMatchObject({
      userId: 'u-1',
      tags: { env: 'prod' },
      metadata: { session: 's-1', reported_cost: '0.3' },
    });
  });

  test.each(['span', 'agent', 'tool', 'chain', 'retriever'])('an observation of type %s is no call', (type) => {
    expect(
      collect({ attributes: generation({ input: 1, output: 1 }, { 'langfuse.observation.type': type }) }).events,
    ).toEqual([]);
  });

  test('what is no object of numbers is a call without counts', () => {
    for (const text of ['', 'null', '{', '[]', '{"input":"x"}', `{"a":${'['.repeat(9_000)}`]) {
      expect(eventOf(generation(text)).telemetry.isWithoutUsage).toBe(true);
    }
    expect(collect({ attributes: generation({ input: -1, output: 1 }) }).rejected).toHaveLength(1);
  });
});

describe('other names of counts', () => {
  test.each<[string, Attributes, object]>([
    [
      'pydantic-ai',
      {
        'gen_ai.usage.details.cache_read_tokens': 600,
        'gen_ai.usage.details.cache_write_tokens': 50,
        'gen_ai.usage.details.reasoning_tokens': 30,
        'gen_ai.usage.details.input_audio_tokens': 5,
      },
      { inputTokens: 1_000, cacheReadTokens: 600, cacheWriteTokens: 50, reasoningTokens: 30, inputAudioTokens: 5 },
    ],
    [
      'Strands',
      { 'gen_ai.usage.cache_read_input_tokens': 600, 'gen_ai.usage.cache_write_input_tokens': 50 },
      { inputTokens: 1_000, cacheReadTokens: 600, cacheWriteTokens: 50 },
    ],
    [
      'LiveKit',
      {
        'gen_ai.usage.input_audio_tokens': 900,
        'gen_ai.usage.output_audio_tokens': 80,
        'gen_ai.usage.input_cached_tokens': 600,
      },
      { inputAudioTokens: 900, outputAudioTokens: 80, cacheReadTokens: 600 },
    ],
    [
      'LangSmith',
      {
        'gen_ai.usage.input_token_details': '{"cache_read":600,"cache_creation":50,"audio":5}',
        'gen_ai.usage.output_token_details': '{"reasoning":30}',
      },
      { cacheReadTokens: 600, cacheWriteTokens: 50, inputAudioTokens: 5, reasoningTokens: 30 },
    ],
    [
      'OpenLIT',
      { 'gen_ai.usage.prompt_tokens_details.cache_read': 600, 'gen_ai.usage.completion_tokens_details.reasoning': 30 },
      { cacheReadTokens: 600, reasoningTokens: 30 },
    ],
    [
      'LiteLLM, which sends what Python shows of its usage',
      {
        'metadata.usage_object':
          "{'prompt_tokens': 1000, 'prompt_tokens_details': {'audio_tokens': None, 'cached_tokens': 600}, 'cache_creation_input_tokens': 50, 'completion_tokens_details': {'reasoning_tokens': 30}}",
      },
      { cacheReadTokens: 600, cacheWriteTokens: 50, reasoningTokens: 30 },
    ],
    [
      'the newest conventions, by modality',
      {
        'gen_ai.usage.image.input_tokens': 400,
        'gen_ai.usage.audio.input_tokens': 50,
        'gen_ai.usage.audio.cache_read.input_tokens': 20,
        'gen_ai.usage.cache_read.input_tokens': 100,
        'gen_ai.usage.image.output_tokens': 90,
      },
      {
        inputAudioTokens: 50,
        cacheReadTokens: 100,
        units: { input_image_tokens: 400, output_image_tokens: 90, cache_audio_read_tokens: 20 },
      },
    ],
  ])('%s', (_, attributes, counts) => {
    expect(eventOf({ ...CHAT, ...COUNTS, ...attributes })).toMatchObject(counts);
  });
});

describe('the stated total proves what the counts include', () => {
  const GEMINI = {
    'gen_ai.operation.name': 'chat',
    'gen_ai.request.model': 'gemini-2.5-flash',
    'gen_ai.usage.input_tokens': 35,
  };
  const total = (tokens: number) => ({ 'gen_ai.usage.total_tokens': tokens });
  const cached = { 'gen_ai.usage.cache_read.input_tokens': 300 };

  test.each<[string, Attributes, object]>([
    [
      'reasoning beside the output',
      { ...GEMINI, 'gen_ai.usage.output_tokens': 500, 'gen_ai.usage.reasoning.output_tokens': 300, ...total(835) },
      { outputTokens: 800, reasoningTokens: 300 },
    ],
    [
      'reasoning inside it',
      { ...GEMINI, 'gen_ai.usage.output_tokens': 500, 'gen_ai.usage.reasoning.output_tokens': 300, ...total(535) },
      { outputTokens: 500, reasoningTokens: 300 },
    ],
    [
      'the cache beside the input',
      { ...CHAT, ...COUNTS, ...cached, ...total(1_400) },
      { inputTokens: 1_300, cacheReadTokens: 300 },
    ],
    [
      'the cache inside it',
      { ...CHAT, ...COUNTS, ...cached, ...total(1_100) },
      { inputTokens: 1_000, cacheReadTokens: 300 },
    ],
    [
      'both beside',
      { ...CHAT, ...COUNTS, ...cached, 'gen_ai.usage.reasoning.output_tokens': 40, ...total(1_440) },
      { inputTokens: 1_300, outputTokens: 140 },
    ],
    [
      'an output that is not stated',
      { ...CHAT, 'gen_ai.usage.output_tokens': 100, ...total(1_100) },
      { inputTokens: 1_000, outputTokens: 100 },
    ],
  ])('%s', (_, attributes, counts) => {
    const event = eventOf(attributes);
    expect(event).toMatchObject(counts);
    expect(event.telemetry.warnings).toEqual([]);
  });

  test.each<[string, Attributes, object, RegExp]>([
    [
      'reasoning that Gemini’s output leaves out',
      { ...GEMINI, 'gen_ai.usage.output_tokens': 500, ...total(900) },
      { outputTokens: 865, reasoningTokens: 365 },
      /shows 365/,
    ],
    [
      'a total of other parts',
      { ...CHAT, ...COUNTS, ...total(1_234) },
      { inputTokens: 1_000, outputTokens: 100 },
      /1234/,
    ],
    ['only a total', { ...CHAT, ...total(1_234) }, { inputTokens: 1_234, outputTokens: 0 }, /only a total/],
    ['no input', { ...CHAT, 'gen_ai.usage.output_tokens': 10 }, { inputTokens: 0, outputTokens: 10 }, /no input/],
    [
      'reasoning above the output',
      { ...CHAT, ...COUNTS, 'gen_ai.usage.reasoning.output_tokens': 101 },
      { outputTokens: 101 },
      /raised/,
    ],
    [
      'audio above the input',
      { ...CHAT, ...COUNTS, 'gen_ai.usage.audio.input_tokens': 1_001 },
      { inputTokens: 1_001 },
      /raised/,
    ],
  ])('%s is recorded with a warning', (_, attributes, counts, warning) => {
    const event = eventOf(attributes);
    expect(event).toMatchObject(counts);
    expect(event.telemetry.warnings).toEqual([expect.stringMatching(warning)]);
  });
});

describe('a call that tells no counts', () => {
  test.each<[string, Attributes]>([
    ['by the conventions', CHAT],
    ['of OpenInference', { 'openinference.span.kind': 'LLM', 'llm.model_name': 'gpt-4o' }],
    ['of the Vercel AI SDK', { 'ai.operationId': 'ai.streamText.doStream', 'ai.model.id': 'gpt-4o' }],
  ])('%s is one with 0 tokens that says so', (_, attributes) => {
    const event = eventOf(attributes);
    expect(event).toMatchObject({
      model: 'gpt-4o',
      inputTokens: 0,
      outputTokens: 0,
      telemetry: { isWithoutUsage: true },
    });
    expect(collect({ isError: true, attributes }).events).toEqual([]);
  });

  test('but a span that has no model, or does not say that it is a call, is none', () => {
    expect(collect({ attributes: { 'gen_ai.operation.name': 'chat' } })).toMatchObject({ events: [], rejected: [] });
    expect(collect({ attributes: { 'gen_ai.system': 'openai', ...MODEL } })).toMatchObject({
      events: [],
      rejected: [],
    });
  });
});

test('the price is that of the start of the call', () => {
  const event = eventOf({ ...CHAT, ...COUNTS }, { start: '1793000000000000000', end: '1793000060000000000' });
  expect(event.telemetry.startedAt).toEqual(new Date(1793000000000));
  expect(event.timestamp).toEqual(new Date(1793000060000));
});
