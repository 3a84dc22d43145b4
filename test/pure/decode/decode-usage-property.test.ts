import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countsOf, type UsageCounts } from '../../../src/domain/pricing/price/usage-counts.ts';
import { decodeUsage } from '../../../src/domain/usage/decode/decode-usage.ts';
import { AppError } from '../../../src/platform/errors.ts';

/** Parts that do not overlap; every convention is a different way to add them up. */
interface Parts {
  plain: number;
  audioIn: number;
  read: number;
  write5m: number;
  write1h: number;
  text: number;
  audioOut: number;
  thought: number;
  searches: number;
}

const count = fc.oneof(fc.constant(0), fc.nat(100_000), fc.integer({ min: 0, max: 10 ** 11 }));
const anyParts: fc.Arbitrary<Parts> = fc.record({
  plain: fc.integer({ min: 1, max: 10 ** 11 }),
  audioIn: count,
  read: count,
  write5m: count,
  write1h: count,
  text: count,
  audioOut: count,
  thought: count,
  searches: count,
});

const inOf = (p: Parts) => p.plain + p.audioIn + p.read + p.write5m + p.write1h;
const outOf = (p: Parts) => p.text + p.audioOut + p.thought;
const none = { write5m: 0, write1h: 0, searches: 0, audioIn: 0, audioOut: 0 };

interface Encoder {
  provider: string;
  /** What this convention cannot say is taken out first. */
  keep: (p: Parts) => Parts;
  encode: (p: Parts) => object;
}

const chat = (p: Parts) => ({
  prompt_tokens: inOf(p),
  completion_tokens: outOf(p),
  total_tokens: inOf(p) + outOf(p),
  prompt_tokens_details: { cached_tokens: p.read, cache_write_tokens: p.write5m, audio_tokens: p.audioIn },
  completion_tokens_details: { reasoning_tokens: p.thought, audio_tokens: p.audioOut },
  server_tool_use_details: { web_search_requests: p.searches },
});

const ENCODERS: Record<string, Encoder> = {
  'OpenAI Chat': { provider: 'openai', keep: (p) => ({ ...p, write1h: 0 }), encode: chat },
  OpenRouter: { provider: 'openrouter', keep: (p) => ({ ...p, write1h: 0 }), encode: (p) => ({ usage: chat(p) }) },
  'xAI Chat': {
    provider: 'xai',
    keep: (p) => ({ ...p, write1h: 0 }),
    encode: (p) => ({ ...chat(p), completion_tokens: p.text + p.audioOut }),
  },
  DeepSeek: {
    provider: 'deepseek',
    keep: (p) => ({ ...p, ...none }),
    encode: (p) => ({
      prompt_tokens: p.plain + p.read,
      completion_tokens: outOf(p),
      prompt_cache_hit_tokens: p.read,
      prompt_cache_miss_tokens: p.plain,
      completion_tokens_details: { reasoning_tokens: p.thought },
    }),
  },
  'LiteLLM for Anthropic': {
    provider: 'anthropic',
    keep: (p) => ({ ...p, ...none, write5m: p.write5m, write1h: p.write1h }),
    encode: (p) => ({
      prompt_tokens: inOf(p),
      completion_tokens: outOf(p),
      total_tokens: inOf(p) + outOf(p),
      prompt_tokens_details: {
        cached_tokens: p.read,
        cache_creation_token_details: { ephemeral_1h_input_tokens: p.write1h },
      },
      completion_tokens_details: { reasoning_tokens: p.thought },
      cache_read_input_tokens: p.read,
      cache_creation_input_tokens: p.write5m + p.write1h,
    }),
  },
  'OpenAI Responses': {
    provider: 'openai',
    keep: (p) => ({ ...p, ...none, write5m: p.write5m }),
    encode: (p) => ({
      type: 'response.completed',
      response: {
        usage: {
          input_tokens: inOf(p),
          input_tokens_details: { cached_tokens: p.read, cache_write_tokens: p.write5m },
          output_tokens: outOf(p),
          output_tokens_details: { reasoning_tokens: p.thought },
          total_tokens: inOf(p) + outOf(p),
        },
      },
    }),
  },
  'OpenAI realtime': {
    provider: 'openai',
    keep: (p) => ({ ...p, ...none, thought: 0, audioIn: p.audioIn, audioOut: p.audioOut }),
    encode: (p) => ({
      input_tokens: inOf(p),
      output_tokens: outOf(p),
      input_token_details: { cached_tokens: p.read, audio_tokens: p.audioIn },
      output_token_details: { audio_tokens: p.audioOut },
    }),
  },
  Anthropic: {
    provider: 'anthropic',
    keep: (p) => ({ ...p, audioIn: 0, audioOut: 0 }),
    encode: (p) => ({
      input_tokens: p.plain,
      cache_read_input_tokens: p.read,
      cache_creation_input_tokens: p.write5m + p.write1h,
      cache_creation: { ephemeral_5m_input_tokens: p.write5m, ephemeral_1h_input_tokens: p.write1h },
      output_tokens: outOf(p),
      output_tokens_details: { thinking_tokens: p.thought },
      server_tool_use: { web_search_requests: p.searches },
    }),
  },
  'Anthropic stream': {
    provider: 'anthropic',
    keep: (p) => ({ ...p, ...none, write5m: p.write5m, write1h: p.write1h }),
    encode: (p) => [
      {
        type: 'message_start',
        message: {
          usage: {
            input_tokens: p.plain,
            cache_read_input_tokens: p.read,
            cache_creation_input_tokens: p.write5m + p.write1h,
            cache_creation: { ephemeral_5m_input_tokens: p.write5m, ephemeral_1h_input_tokens: p.write1h },
            output_tokens: 0,
          },
        },
      },
      {
        type: 'message_delta',
        usage: {
          input_tokens: null,
          output_tokens: outOf(p),
          output_tokens_details: { thinking_tokens: p.thought },
        },
      },
    ],
  },
  Gemini: {
    provider: 'google',
    keep: (p) => ({ ...p, write5m: 0, write1h: 0, searches: 0 }),
    encode: (p) => ({
      usageMetadata: {
        promptTokenCount: p.audioIn + p.read,
        toolUsePromptTokenCount: p.plain,
        cachedContentTokenCount: p.read,
        candidatesTokenCount: p.text + p.audioOut,
        thoughtsTokenCount: p.thought,
        totalTokenCount: inOf(p) + outOf(p),
        promptTokensDetails: [{ modality: 'AUDIO', tokenCount: p.audioIn }],
        candidatesTokensDetails: [{ modality: 'AUDIO', tokenCount: p.audioOut }],
      },
    }),
  },
  'Bedrock Converse': {
    provider: 'aws',
    keep: (p) => ({ ...p, ...none, thought: 0, write5m: p.write5m, write1h: p.write1h }),
    encode: (p) => ({
      inputTokens: p.plain,
      outputTokens: outOf(p),
      totalTokens: p.plain + outOf(p),
      cacheReadInputTokens: p.read,
      cacheWriteInputTokens: p.write5m + p.write1h,
      cacheDetails: [
        { ttl: '5m', inputTokens: p.write5m },
        { ttl: '1h', inputTokens: p.write1h },
      ],
    }),
  },
  'Bedrock InvokeModel metrics': {
    provider: 'aws',
    keep: (p) => ({ ...p, ...none, thought: 0, write5m: p.write5m }),
    encode: (p) => ({
      inputTokenCount: p.plain,
      outputTokenCount: outOf(p),
      cacheReadInputTokenCount: p.read,
      cacheWriteInputTokenCount: p.write5m,
    }),
  },
  Cohere: {
    provider: 'cohere',
    keep: (p) => ({ ...p, ...none, thought: 0 }),
    encode: (p) => ({
      billed_units: { input_tokens: inOf(p), output_tokens: outOf(p) },
      tokens: { input_tokens: inOf(p) + 200, output_tokens: outOf(p) },
      cached_tokens: p.read,
    }),
  },
};

function normalForm(p: Parts): UsageCounts {
  return countsOf({
    inputTokens: inOf(p),
    outputTokens: outOf(p),
    cacheReadTokens: p.read,
    cacheWriteTokens: p.write5m + p.write1h,
    cacheWrite1hTokens: p.write1h,
    reasoningTokens: p.thought,
    inputAudioTokens: p.audioIn,
    outputAudioTokens: p.audioOut,
    webSearches: p.searches,
  });
}

describe('every convention gives the same normal form', () => {
  test.each(Object.entries(ENCODERS))('%s', (name, { provider, keep, encode }) => {
    fc.assert(
      fc.property(anyParts, (anything) => {
        const parts = keep(anything);
        const decoded = decodeUsage(provider, encode(parts));
        expect(decoded.counts).toEqual(normalForm(parts));
        if (name !== 'Cohere') expect(decoded.warnings).toEqual([]);
      }),
    );
  });
});

test('whatever is sent, the answer is counts that hold together or an AppError', () => {
  const names = [
    'usage',
    'prompt_tokens',
    'completion_tokens',
    'total_tokens',
    'input_tokens',
    'output_tokens',
    'cost',
  ];
  const more = [
    'inputTokens',
    'promptTokenCount',
    'billed_units',
    'message_start',
    'message_delta',
    'type',
    'iterations',
  ];
  const key = fc.constantFrom(...names, ...more, 'cache_read_input_tokens', 'prompt_tokens_details', 'cached_tokens');
  const leaf = fc.oneof(fc.nat(50), fc.double(), fc.string(), fc.constant(null), fc.constant('message_delta'));
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('tree'), { maxLength: 3 }), fc.dictionary(key, tie('tree'))),
  }));
  fc.assert(
    fc.property(fc.constantFrom('openai', 'xai', 'openrouter'), tree, (provider, raw) => {
      try {
        const { counts } = decodeUsage(provider, raw);
        expect(Object.values(counts).every((value) => Number.isSafeInteger(value) && value >= 0)).toBe(true);
        expect(counts.cacheReadTokens + counts.cacheWriteTokens).toBeLessThanOrEqual(counts.inputTokens);
        expect(counts.reasoningTokens).toBeLessThanOrEqual(counts.outputTokens);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
      }
    }),
    { numRuns: 3000 },
  );
});
