import { describe, expect, test } from 'vitest';
import { collectSpanUsage } from '../../../src/domain/otlp/collect-usage.ts';
import { decodeOtlp } from '../../../src/domain/otlp/wire/decode-otlp.ts';
import type { UsageCounts } from '../../../src/domain/pricing/price/usage-counts.ts';
import { encodeRequest, type Plain, SECRET, type TestSpan, toRequest } from './otlp-request.ts';

interface DialectCase {
  title: string;
  span: TestSpan;
  provider: string;
  model: string;
  counts: Partial<UsageCounts>;
  serviceTier?: string;
}

const chat = (attributes: Record<string, Plain>): TestSpan => ({
  attributes: { 'gen_ai.operation.name': 'chat', ...attributes },
});

const CASES: DialectCase[] = [
  {
    title: 'newest convention',
    span: chat({
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'gpt-4o',
      'gen_ai.response.model': 'gpt-4o-2024-08-06',
      'gen_ai.response.id': 'chatcmpl-1',
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.usage.input_tokens': 1200,
      'gen_ai.usage.output_tokens': 310,
      'gen_ai.usage.cache_read.input_tokens': 1024,
      'gen_ai.usage.cache_write.input_tokens': 100,
      'gen_ai.usage.cache_creation.input_tokens': 99,
      'gen_ai.usage.reasoning.output_tokens': 200,
      'gen_ai.usage.audio.input_tokens': 7,
      'gen_ai.usage.audio.output_tokens': 8,
      'openai.response.service_tier': 'flex',
      'gen_ai.input.messages': `[{"role":"user","content":"${SECRET}"}]`,
      'gen_ai.system_instructions': SECRET,
    }),
    provider: 'openai',
    model: 'gpt-4o-2024-08-06',
    serviceTier: 'flex',
    counts: {
      inputTokens: 1200,
      outputTokens: 310,
      cacheReadTokens: 1024,
      cacheWriteTokens: 100,
      reasoningTokens: 200,
      inputAudioTokens: 7,
      outputAudioTokens: 8,
    },
  },
  {
    title: 'v1.37-v1.44, with the exclusive input of an Anthropic SDK',
    span: chat({
      'gen_ai.provider.name': 'anthropic',
      'gen_ai.response.model': 'claude-sonnet-4-5-20250929',
      'gen_ai.usage.input_tokens': 1000,
      'gen_ai.usage.output_tokens': 500,
      'gen_ai.usage.cache_read.input_tokens': 6000,
      'gen_ai.usage.cache_creation.input_tokens': 3000,
    }),
    provider: 'anthropic',
    model: 'claude-sonnet-4-5-20250929',
    counts: { inputTokens: 10_000, outputTokens: 500, cacheReadTokens: 6000, cacheWriteTokens: 3000 },
  },
  {
    title: 'v1.36 and older, counts as doubles and text',
    span: chat({
      'gen_ai.system': 'az.ai.openai',
      'gen_ai.request.model': 'gpt-4.1',
      'gen_ai.usage.input_tokens': '12',
      'gen_ai.usage.output_tokens': '3.0',
      'gen_ai.openai.response.service_tier': 'default',
      'gen_ai.prompt': SECRET,
    }),
    provider: 'azure',
    model: 'gpt-4.1',
    serviceTier: 'default',
    counts: { inputTokens: 12, outputTokens: 3 },
  },
  {
    title: 'very old, without an operation',
    span: {
      name: 'openai.chat',
      attributes: {
        'gen_ai.system': 'OpenAI',
        'gen_ai.request.model': 'gpt-4',
        'gen_ai.usage.prompt_tokens': 12,
        'gen_ai.usage.completion_tokens': 3,
      },
    },
    provider: 'openai',
    model: 'gpt-4',
    counts: { inputTokens: 12, outputTokens: 3 },
  },
  {
    title: 'embeddings have no output',
    span: {
      attributes: {
        'gen_ai.operation.name': 'embeddings',
        'gen_ai.provider.name': 'gcp.vertex_ai',
        'gen_ai.request.model': 'gemini-embedding-001',
        'gen_ai.usage.input_tokens': 5,
      },
    },
    provider: 'google',
    model: 'gemini-embedding-001',
    counts: { inputTokens: 5 },
  },
  {
    title: 'Vercel AI SDK v6',
    span: {
      name: 'ai.streamText.doStream',
      attributes: {
        'ai.operationId': 'ai.streamText.doStream',
        'ai.model.id': 'claude-sonnet-4-5',
        'ai.model.provider': 'anthropic.messages',
        'ai.response.model': 'claude-sonnet-4-5-20250929',
        'ai.usage.inputTokens': 900,
        'ai.usage.outputTokens': 70,
        'ai.usage.totalTokens': 970,
        'ai.usage.inputTokenDetails.noCacheTokens': 100,
        'ai.usage.inputTokenDetails.cacheReadTokens': 500,
        'ai.usage.inputTokenDetails.cacheWriteTokens': 300,
        'ai.usage.cachedInputTokens': 500,
        'ai.usage.outputTokenDetails.textTokens': 30,
        'ai.usage.outputTokenDetails.reasoningTokens': 40,
        'ai.prompt.messages': SECRET,
        'ai.response.text': SECRET,
      },
    },
    provider: 'anthropic',
    model: 'claude-sonnet-4-5-20250929',
    counts: { inputTokens: 900, outputTokens: 70, cacheReadTokens: 500, cacheWriteTokens: 300, reasoningTokens: 40 },
  },
  {
    title: 'Vercel AI SDK, very old, told by its name alone',
    span: {
      name: 'ai.generateText.doGenerate',
      attributes: {
        'ai.model.id': 'gpt-4o',
        'ai.model.provider': 'openai.chat',
        'ai.usage.promptTokens': 9,
        'ai.usage.completionTokens': 2,
      },
    },
    provider: 'openai',
    model: 'gpt-4o',
    counts: { inputTokens: 9, outputTokens: 2 },
  },
  {
    title: 'OpenInference, whose cost is not believed',
    span: {
      attributes: {
        'openinference.span.kind': 'LLM',
        'llm.model_name': 'mistral-large-2411',
        'llm.provider': 'mistralai',
        'llm.token_count.prompt': 100,
        'llm.token_count.completion': 20,
        'llm.token_count.total': 120,
        'llm.token_count.prompt_details.cache_read': 64,
        'llm.token_count.prompt_details.cache_write': 6,
        'llm.token_count.prompt_details.audio': 5,
        'llm.token_count.completion_details.reasoning': 10,
        'llm.token_count.completion_details.audio': 4,
        'llm.cost.total': 99.5,
        'input.value': SECRET,
      },
    },
    provider: 'mistral',
    model: 'mistral-large-2411',
    counts: {
      inputTokens: 100,
      outputTokens: 20,
      cacheReadTokens: 64,
      cacheWriteTokens: 6,
      reasoningTokens: 10,
      inputAudioTokens: 5,
      outputAudioTokens: 4,
    },
  },
  {
    title: 'OpenLLMetry',
    span: {
      name: 'bedrock.converse',
      attributes: {
        'llm.request.type': 'chat',
        'gen_ai.system': 'AWS',
        'gen_ai.response.model': 'anthropic.claude-sonnet-4-5-20250929-v1:0',
        'gen_ai.usage.prompt_tokens': 80,
        'gen_ai.usage.completion_tokens': 20,
        'llm.usage.total_tokens': 100,
        'gen_ai.usage.cache_read_input_tokens': 30,
        'gen_ai.usage.cache_creation_input_tokens': 10,
        'gen_ai.usage.reasoning_tokens': 5,
        'gen_ai.prompt.0.content': SECRET,
      },
    },
    provider: 'aws',
    model: 'anthropic.claude-sonnet-4-5-20250929-v1:0',
    counts: { inputTokens: 80, outputTokens: 20, cacheReadTokens: 30, cacheWriteTokens: 10, reasoningTokens: 5 },
  },
  {
    title: 'Sentry',
    span: {
      attributes: {
        'sentry.op': 'gen_ai.chat',
        'gen_ai.system': 'groq',
        'gen_ai.request.model': 'qwen/qwen3-32b',
        'gen_ai.usage.input_tokens': 40,
        'gen_ai.usage.input_tokens.cached': 30,
        'gen_ai.usage.input_tokens.cache_write': 2,
        'gen_ai.usage.output_tokens': 20,
        'gen_ai.usage.output_tokens.reasoning': 15,
        'gen_ai.usage.total_tokens': 60,
      },
    },
    provider: 'groq',
    model: 'qwen/qwen3-32b',
    counts: { inputTokens: 40, outputTokens: 20, cacheReadTokens: 30, cacheWriteTokens: 2, reasoningTokens: 15 },
  },
  {
    title: 'xAI, whose output may leave reasoning out',
    span: chat({
      'gen_ai.provider.name': 'x_ai',
      'gen_ai.request.model': 'grok-4',
      'gen_ai.usage.input_tokens': 37,
      'gen_ai.usage.output_tokens': 9,
      'gen_ai.usage.reasoning.output_tokens': 294,
    }),
    provider: 'x-ai',
    model: 'grok-4',
    counts: { inputTokens: 37, outputTokens: 303, reasoningTokens: 294 },
  },
];

const NO_COUNTS = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, cacheWrite1hTokens: 0 };
const NO_PARTS = { reasoningTokens: 0, inputAudioTokens: 0, outputAudioTokens: 0, webSearches: 0 };

describe.each(['json', 'protobuf'] as const)(
  'every generation and dialect gives the normal form, in %s',
  (encoding) => {
    test.each(CASES)('$title', ({ span, provider, model, counts, serviceTier = null }) => {
      const result = collectSpanUsage(decodeOtlp(encodeRequest(toRequest([span]), encoding), encoding));
      expect(result).toMatchObject({ ignored: 0, rejected: [], events: [{}] });
      expect(result.events[0]?.event).toMatchObject({
        provider,
        model,
        serviceTier,
        ...NO_COUNTS,
        ...NO_PARTS,
        ...counts,
      });
      expect(result.events[0]?.event.cost).toBeUndefined();
      expect(JSON.stringify(result)).not.toContain(SECRET);
    });
  },
);

const PROVIDERS: [Record<string, string>, string][] = [
  [{ 'gen_ai.provider.name': 'azure.ai.inference' }, 'azure'],
  [{ 'gen_ai.provider.name': 'aws.bedrock' }, 'aws'],
  [{ 'gen_ai.provider.name': 'gcp.gen_ai' }, 'google'],
  [{ 'gen_ai.provider.name': 'mistral_ai' }, 'mistral'],
  [{ 'gen_ai.provider.name': 'moonshot_ai' }, 'moonshotai'],
  [{ 'gen_ai.provider.name': 'ibm.watsonx.ai' }, 'ibm.watsonx.ai'],
  [{ 'gen_ai.system': 'vertex_ai' }, 'google'],
  [{ 'gen_ai.provider.name': 'openai', 'server.address': 'openrouter.ai' }, 'openrouter'],
  [{ 'gen_ai.provider.name': 'openai', 'server.address': 'api.deepseek.com' }, 'deepseek'],
  [{ 'gen_ai.provider.name': 'openai', 'server.address': 'shop.openai.azure.com' }, 'azure'],
  [{ 'gen_ai.provider.name': 'anthropic', 'server.address': 'bedrock-runtime.eu-west-1.amazonaws.com' }, 'aws'],
  [{ 'gen_ai.provider.name': 'openai', 'server.address': 'litellm.internal', model: 'claude-sonnet-4-5' }, 'anthropic'],
  [{ 'gen_ai.provider.name': 'openai', 'server.address': 'vllm.internal', model: 'my-model' }, 'openai'],
  [{ model: 'gemini-2.5-pro' }, 'google'],
  [{ model: 'my-model' }, 'unknown'],
];

test.each(PROVIDERS)('%j is served by %s', ({ model = 'gpt-4o', ...attributes }, provider) => {
  const span = chat({ ...attributes, 'gen_ai.request.model': model, 'gen_ai.usage.input_tokens': 1 });
  const result = collectSpanUsage(decodeOtlp(encodeRequest(toRequest([span]), 'json'), 'json'));
  expect(result.events.map(({ event }) => event.provider)).toEqual([provider]);
});
