import type { UsageCase } from './decode-usage-cases.ts';

const RESPONSES_USAGE = {
  input_tokens: 900,
  input_tokens_details: {
    cached_tokens: 512,
    cache_write_tokens: 256,
    cache_write_tokens_details: { ttl_30m_tokens: 256, ttl_12h_tokens: 0 },
  },
  output_tokens: 140,
  output_tokens_details: { reasoning_tokens: 64 },
  total_tokens: 1040,
};
const RESPONSES_COUNTS = {
  inputTokens: 900,
  outputTokens: 140,
  cacheReadTokens: 512,
  cacheWriteTokens: 256,
  reasoningTokens: 64,
};

/** OpenAI's `input_tokens` family. */
export const RESPONSES_CASES: UsageCase[] = [
  {
    title: 'OpenAI Responses, whole body; each search action is a web search',
    provider: 'openai',
    raw: {
      id: 'resp_1',
      object: 'response',
      model: 'gpt-5',
      service_tier: 'flex',
      output: [
        { type: 'web_search_call', status: 'completed', action: { type: 'search', query: 'x' } },
        { type: 'web_search_call', status: 'completed', action: { type: 'open_page' } },
        { type: 'message', content: [] },
      ],
      usage: RESPONSES_USAGE,
    },
    responseId: 'resp_1',
    counts: { ...RESPONSES_COUNTS, webSearches: 1 },
    shape: 'openai_responses',
    model: 'gpt-5',
    serviceTier: 'flex',
  },
  {
    title: 'OpenAI Responses, response.completed',
    provider: 'openai',
    raw: { type: 'response.completed', response: { model: 'gpt-5', service_tier: 'default', usage: RESPONSES_USAGE } },
    counts: RESPONSES_COUNTS,
    model: 'gpt-5',
    serviceTier: 'default',
  },
  {
    title: 'OpenAI Responses, a list of events that ended incomplete',
    provider: 'openai',
    raw: [
      { type: 'response.created', response: { id: 'resp_1', model: 'gpt-5', usage: null } },
      { type: 'response.output_text.delta', delta: 'hi' },
      { type: 'response.incomplete', response: { id: 'resp_1', model: 'gpt-5', usage: RESPONSES_USAGE } },
    ],
    responseId: 'resp_1',
    counts: RESPONSES_COUNTS,
    model: 'gpt-5',
  },
  {
    title: 'two bare counts',
    provider: 'openai',
    raw: { input_tokens: 3, output_tokens: 4, input_tokens_details: null, cache_read_tokens: 'ignored' },
    counts: { inputTokens: 3, outputTokens: 4 },
  },
  {
    title: 'OpenAI images',
    provider: 'openai',
    raw: {
      created: 1,
      data: [],
      usage: {
        input_tokens: 50,
        input_tokens_details: { text_tokens: 10, image_tokens: 40 },
        output_tokens: 1056,
        output_tokens_details: { image_tokens: 1056, text_tokens: 0 },
        total_tokens: 1106,
      },
    },
    counts: { inputTokens: 50, outputTokens: 1056 },
    units: { input_image_tokens: 40, output_image_tokens: 1056 },
  },
  {
    title: 'OpenAI transcription by tokens',
    provider: 'openai',
    raw: {
      text: 'hi',
      usage: {
        type: 'tokens',
        input_tokens: 14,
        input_token_details: { text_tokens: 0, audio_tokens: 14 },
        output_tokens: 45,
        total_tokens: 59,
      },
    },
    counts: { inputTokens: 14, outputTokens: 45, inputAudioTokens: 14 },
  },
  {
    title: 'OpenAI realtime response.done',
    provider: 'openai',
    raw: {
      type: 'response.done',
      response: {
        object: 'realtime.response',
        usage: {
          total_tokens: 253,
          input_tokens: 132,
          output_tokens: 121,
          input_token_details: {
            text_tokens: 119,
            audio_tokens: 13,
            image_tokens: 0,
            cached_tokens: 64,
            cached_tokens_details: { text_tokens: 64, audio_tokens: 0 },
          },
          output_token_details: { text_tokens: 30, audio_tokens: 91 },
        },
      },
    },
    counts: {
      inputTokens: 132,
      outputTokens: 121,
      cacheReadTokens: 64,
      inputAudioTokens: 13,
      outputAudioTokens: 91,
    },
    shape: 'openai_realtime',
  },
  {
    title: 'LangChain usage_metadata',
    provider: 'anthropic',
    raw: {
      input_tokens: 350,
      output_tokens: 240,
      total_tokens: 590,
      input_token_details: { audio: 10, cache_creation: 200, cache_read: 100 },
      output_token_details: { audio: 10, reasoning: 200 },
    },
    counts: {
      inputTokens: 350,
      outputTokens: 240,
      cacheReadTokens: 100,
      cacheWriteTokens: 200,
      reasoningTokens: 200,
      inputAudioTokens: 10,
      outputAudioTokens: 10,
    },
  },
];

const ANTHROPIC_USAGE = {
  input_tokens: 1000,
  cache_read_input_tokens: 6000,
  cache_creation_input_tokens: 3000,
  cache_creation: { ephemeral_5m_input_tokens: 1000, ephemeral_1h_input_tokens: 2000 },
  output_tokens: 500,
  output_tokens_details: { thinking_tokens: 320 },
  server_tool_use: { web_search_requests: 2, web_fetch_requests: 1 },
  service_tier: 'standard',
};
const ANTHROPIC_COUNTS = {
  inputTokens: 10_000,
  outputTokens: 500,
  cacheReadTokens: 6000,
  cacheWriteTokens: 3000,
  cacheWrite1hTokens: 2000,
  reasoningTokens: 320,
  webSearches: 2,
};
const MESSAGE_START = {
  type: 'message_start',
  message: {
    id: 'msg_1',
    type: 'message',
    model: 'claude-sonnet-4-5-20250929',
    usage: { ...ANTHROPIC_USAGE, output_tokens: 3, output_tokens_details: null, server_tool_use: null },
  },
};
const MESSAGE_DELTA = {
  type: 'message_delta',
  delta: { stop_reason: 'end_turn' },
  usage: {
    input_tokens: null,
    cache_read_input_tokens: null,
    cache_creation_input_tokens: null,
    output_tokens: 500,
    output_tokens_details: { thinking_tokens: 320 },
    server_tool_use: { web_search_requests: 2 },
  },
};
const STREAMED = { model: 'claude-sonnet-4-5-20250929', serviceTier: 'standard', responseId: 'msg_1' };

export const ANTHROPIC_CASES: UsageCase[] = [
  {
    title: 'Anthropic, usage alone',
    provider: 'anthropic',
    raw: ANTHROPIC_USAGE,
    counts: ANTHROPIC_COUNTS,
    shape: 'anthropic',
    serviceTier: 'standard',
  },
  {
    title: 'Anthropic, whole body with cache null and a service tier of batch',
    provider: 'anthropic',
    raw: {
      id: 'msg_1',
      type: 'message',
      model: 'claude-haiku-4-5',
      content: [{ type: 'text', text: 'hi' }],
      usage: {
        input_tokens: 12,
        cache_creation_input_tokens: null,
        cache_read_input_tokens: null,
        cache_creation: null,
        output_tokens: 7,
        server_tool_use: null,
        service_tier: 'batch',
      },
    },
    responseId: 'msg_1',
    counts: { inputTokens: 12, outputTokens: 7 },
    shape: 'anthropic',
    model: 'claude-haiku-4-5',
    serviceTier: 'batch',
  },
  {
    title: 'Anthropic, cache writes without the split are 5-minute writes',
    provider: 'anthropic',
    raw: { input_tokens: 1, cache_creation_input_tokens: 20, output_tokens: 3, speed: 'fast' },
    counts: { inputTokens: 21, outputTokens: 3, cacheWriteTokens: 20 },
    serviceTier: 'fast',
  },
  {
    title: 'Anthropic, a split without the sum',
    provider: 'anthropic',
    raw: { input_tokens: 1, cache_creation: { ephemeral_1h_input_tokens: 20 }, output_tokens: 3, inference_geo: 'us' },
    counts: { inputTokens: 21, outputTokens: 3, cacheWriteTokens: 20, cacheWrite1hTokens: 20 },
    region: 'us',
  },
  {
    title: 'Anthropic, stream: start and deltas, nothing summed',
    provider: 'anthropic',
    raw: [
      MESSAGE_START,
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'hi' } },
      { ...MESSAGE_DELTA, usage: { output_tokens: 200 } },
      MESSAGE_DELTA,
      { type: 'message_stop', 'amazon-bedrock-invocationMetrics': { inputTokenCount: 1000, outputTokenCount: 500 } },
    ],
    counts: ANTHROPIC_COUNTS,
    ...STREAMED,
  },
  {
    title: 'Anthropic, stream: an object of the two events',
    provider: 'anthropic',
    raw: { message_start: MESSAGE_START, message_delta: MESSAGE_DELTA },
    counts: ANTHROPIC_COUNTS,
    ...STREAMED,
  },
  {
    title: 'Anthropic, stream: an object of the two usages',
    provider: 'anthropic',
    raw: { message_start: MESSAGE_START.message.usage, message_delta: MESSAGE_DELTA.usage },
    counts: ANTHROPIC_COUNTS,
    serviceTier: 'standard',
  },
  {
    title: 'Anthropic, last message_delta with running totals of everything',
    provider: 'anthropic',
    raw: { type: 'message_delta', delta: {}, usage: { ...ANTHROPIC_USAGE, cache_creation: null, service_tier: null } },
    counts: { ...ANTHROPIC_COUNTS, cacheWrite1hTokens: 0 },
  },
  {
    title: 'Anthropic, a stream cut off after message_start is kept and flagged',
    provider: 'anthropic',
    raw: MESSAGE_START,
    counts: { ...ANTHROPIC_COUNTS, outputTokens: 3, reasoningTokens: 0, webSearches: 0 },
    ...STREAMED,
    warnings: ['no message_delta'],
  },
  {
    title: 'Anthropic, compaction is added, the other iterations are inside',
    provider: 'anthropic',
    raw: {
      input_tokens: 100,
      output_tokens: 50,
      cache_read_input_tokens: 10,
      iterations: [
        { type: 'compaction', input_tokens: 700, output_tokens: 30, cache_creation_input_tokens: 40 },
        { type: 'message', input_tokens: 100, output_tokens: 50, cache_read_input_tokens: 10 },
      ],
    },
    counts: { inputTokens: 850, outputTokens: 80, cacheReadTokens: 10, cacheWriteTokens: 40 },
  },
];
