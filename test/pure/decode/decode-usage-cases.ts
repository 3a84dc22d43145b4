import { countsOf, type UsageCounts } from '../../../src/domain/pricing/price/usage-counts.ts';
import type { DecodedUsage } from '../../../src/domain/usage/decode/decoded-usage.ts';

/** A real-shaped answer and, counted by hand, what it says. Counts left out are 0. */
export interface UsageCase {
  title: string;
  provider: string;
  raw: unknown;
  counts: Partial<UsageCounts>;
  shape?: string;
  model?: string;
  serviceTier?: string;
  cost?: string;
  units?: DecodedUsage['units'];
  responseId?: string;
  region?: string;
  parts?: DecodedUsage['parts'];
  /** One entry per expected warning: a part of its text. */
  warnings?: string[];
}

export const NO_COUNTS: UsageCounts = countsOf({});

export function expectedOf(usageCase: UsageCase): Omit<DecodedUsage, 'warnings' | 'shape'> {
  const { model = null, serviceTier = null, cost = null } = usageCase;
  return {
    model,
    serviceTier,
    units: usageCase.units ?? null,
    responseId: usageCase.responseId ?? null,
    region: usageCase.region ?? null,
    parts: usageCase.parts ?? [],
    cost,
    counts: { ...NO_COUNTS, ...usageCase.counts },
  };
}

const CHAT_USAGE = {
  prompt_tokens: 1200,
  completion_tokens: 310,
  total_tokens: 1510,
  prompt_tokens_details: { cached_tokens: 1024, audio_tokens: 0 },
  completion_tokens_details: {
    reasoning_tokens: 128,
    audio_tokens: 0,
    accepted_prediction_tokens: 0,
    rejected_prediction_tokens: 12,
  },
};
const CHAT_COUNTS = { inputTokens: 1200, outputTokens: 310, cacheReadTokens: 1024, reasoningTokens: 128 };

/** The Chat Completions family. */
export const CHAT_CASES: UsageCase[] = [
  {
    title: 'OpenAI Chat, usage alone',
    provider: 'openai',
    raw: CHAT_USAGE,
    counts: CHAT_COUNTS,
    shape: 'openai_chat',
  },
  {
    title: 'OpenAI Chat, whole body',
    provider: 'openai',
    raw: {
      id: 'chatcmpl-1',
      object: 'chat.completion',
      model: 'gpt-4o-2024-08-06',
      choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
      usage: CHAT_USAGE,
      service_tier: 'priority',
    },
    counts: CHAT_COUNTS,
    model: 'gpt-4o-2024-08-06',
    serviceTier: 'priority',
  },
  {
    title: 'OpenAI Chat, last chunk with no choices',
    provider: 'openai',
    raw: { id: 'chatcmpl-1', object: 'chat.completion.chunk', model: 'gpt-4o', choices: [], usage: CHAT_USAGE },
    counts: CHAT_COUNTS,
    model: 'gpt-4o',
  },
  {
    title: 'OpenAI Chat, all chunks',
    provider: 'openai',
    raw: [
      { id: 'chatcmpl-1', model: 'gpt-4o', choices: [{ index: 0, delta: { content: 'hi' } }], usage: null },
      { id: 'chatcmpl-1', model: 'gpt-4o', choices: [], usage: CHAT_USAGE },
    ],
    counts: CHAT_COUNTS,
    model: 'gpt-4o',
  },
  {
    title: 'OpenAI Chat, null and missing details',
    provider: 'openai',
    raw: { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11, prompt_tokens_details: null },
    counts: { inputTokens: 9, outputTokens: 2 },
  },
  {
    title: 'OpenAI Chat, audio and cache writes of both lifetimes',
    provider: 'openai',
    raw: {
      prompt_tokens: 500,
      completion_tokens: 90,
      total_tokens: 590,
      prompt_tokens_details: { cached_tokens: 100, cache_write_tokens: 200, audio_tokens: 40, text_tokens: 460 },
      completion_tokens_details: { reasoning_tokens: null, audio_tokens: 30, text_tokens: 60 },
    },
    counts: {
      inputTokens: 500,
      outputTokens: 90,
      cacheReadTokens: 100,
      cacheWriteTokens: 200,
      inputAudioTokens: 40,
      outputAudioTokens: 30,
    },
  },
  {
    title: 'OpenAI Chat, a total that is off is flagged and changes nothing',
    provider: 'openai',
    raw: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 17 },
    counts: { inputTokens: 10, outputTokens: 5 },
    warnings: ['usage.total_tokens is 17, but its parts add up to 15'],
  },
  {
    title: 'OpenAI embeddings',
    provider: 'openai',
    raw: {
      object: 'list',
      data: [],
      model: 'text-embedding-3-small',
      usage: { prompt_tokens: 8, total_tokens: 8 },
    },
    counts: { inputTokens: 8 },
    model: 'text-embedding-3-small',
  },
  {
    title: 'Mistral with its own tier and older cache name',
    provider: 'mistral',
    raw: {
      model: 'mistral-large-latest',
      choices: [],
      usage: {
        prompt_tokens: 40,
        completion_tokens: 6,
        total_tokens: 46,
        prompt_audio_seconds: null,
        num_cached_tokens: 32,
        service_tier: 'default',
      },
    },
    counts: { inputTokens: 40, outputTokens: 6, cacheReadTokens: 32 },
    model: 'mistral-large-latest',
    serviceTier: 'default',
  },
  {
    title: 'Mistral, audio billed by the second is a unit',
    provider: 'mistral',
    raw: {
      prompt_tokens: 4,
      completion_tokens: 6,
      total_tokens: 10,
      prompt_audio_seconds: 12,
      prompt_token_details: { cached_tokens: 3 },
    },
    counts: { inputTokens: 4, outputTokens: 6, cacheReadTokens: 3 },
    units: { input_audio_seconds: 12 },
  },
  {
    title: 'Groq, whole body with seconds',
    provider: 'groq',
    raw: {
      model: 'llama-3.3-70b-versatile',
      usage: {
        queue_time: 0.03,
        prompt_tokens: 18,
        prompt_time: 0.001,
        completion_tokens: 50,
        completion_time: 0.2,
        total_tokens: 68,
        total_time: 0.201,
      },
      x_groq: { id: 'req_1' },
      service_tier: 'on_demand',
    },
    counts: { inputTokens: 18, outputTokens: 50 },
    model: 'llama-3.3-70b-versatile',
    serviceTier: 'on_demand',
  },
  {
    title: 'Groq, last chunk with x_groq.usage',
    provider: 'groq',
    raw: {
      model: 'qwen/qwen3-32b',
      choices: [{ index: 0, delta: {}, finish_reason: 'stop' }],
      usage: null,
      x_groq: {
        id: 'req_1',
        usage: {
          prompt_tokens: 18,
          completion_tokens: 50,
          total_tokens: 68,
          completion_tokens_details: { reasoning_tokens: 44 },
        },
      },
    },
    counts: { inputTokens: 18, outputTokens: 50, reasoningTokens: 44 },
    model: 'qwen/qwen3-32b',
  },
  {
    title: 'DeepSeek, cache named twice is one cache',
    provider: 'deepseek',
    raw: {
      prompt_tokens: 1000,
      completion_tokens: 200,
      total_tokens: 1200,
      prompt_tokens_details: { cached_tokens: 640 },
      completion_tokens_details: { reasoning_tokens: 150 },
      prompt_cache_hit_tokens: 640,
      prompt_cache_miss_tokens: 360,
    },
    counts: { inputTokens: 1000, outputTokens: 200, cacheReadTokens: 640, reasoningTokens: 150 },
  },
  {
    title: 'DeepSeek, hit and miss that do not make the prompt are flagged',
    provider: 'deepseek',
    raw: { prompt_tokens: 10, completion_tokens: 2, prompt_cache_hit_tokens: 4, prompt_cache_miss_tokens: 5 },
    counts: { inputTokens: 10, outputTokens: 2, cacheReadTokens: 4 },
    warnings: ['is 9, not 10'],
  },
  {
    title: 'Together, plain three counts',
    provider: 'together',
    raw: { usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 }, model: 'meta-llama/Llama-3-70b' },
    counts: { inputTokens: 7, outputTokens: 3 },
    model: 'meta-llama/Llama-3-70b',
  },
  {
    title: 'LiteLLM, Anthropic rewritten to the inclusive Chat form',
    provider: 'anthropic',
    raw: {
      prompt_tokens: 10_000,
      completion_tokens: 500,
      total_tokens: 10_500,
      prompt_tokens_details: {
        cached_tokens: 6000,
        cache_creation_tokens: 3000,
        cache_creation_token_details: { ephemeral_5m_input_tokens: 1000, ephemeral_1h_input_tokens: 2000 },
      },
      cache_read_input_tokens: 6000,
      cache_creation_input_tokens: 3000,
    },
    counts: {
      inputTokens: 10_000,
      outputTokens: 500,
      cacheReadTokens: 6000,
      cacheWriteTokens: 3000,
      cacheWrite1hTokens: 2000,
    },
    shape: 'openai_chat',
  },
  {
    title: 'LiteLLM, synonyms that disagree: the larger, and a warning',
    provider: 'anthropic',
    raw: {
      prompt_tokens: 100,
      completion_tokens: 5,
      prompt_tokens_details: { cached_tokens: 0 },
      cache_read_input_tokens: 80,
    },
    counts: { inputTokens: 100, outputTokens: 5, cacheReadTokens: 80 },
    warnings: ['the larger was taken'],
  },
];
