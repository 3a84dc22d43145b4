import type { UsageCase } from './decode-usage-cases.ts';

const GEMINI_USAGE = {
  promptTokenCount: 264,
  cachedContentTokenCount: 200,
  candidatesTokenCount: 80,
  thoughtsTokenCount: 120,
  toolUsePromptTokenCount: 36,
  totalTokenCount: 500,
  promptTokensDetails: [
    { modality: 'TEXT', tokenCount: 200 },
    { modality: 'AUDIO', tokenCount: 64 },
  ],
  candidatesTokensDetails: [{ modality: 'AUDIO', tokenCount: 5 }],
};
const GEMINI_COUNTS = {
  inputTokens: 300,
  outputTokens: 200,
  cacheReadTokens: 200,
  reasoningTokens: 120,
  inputAudioTokens: 64,
  outputAudioTokens: 5,
};

export const GEMINI_CASES: UsageCase[] = [
  {
    title: 'Gemini, whole body',
    provider: 'google',
    raw: {
      candidates: [],
      usageMetadata: { ...GEMINI_USAGE, trafficType: 'ON_DEMAND' },
      modelVersion: 'gemini-2.5-pro',
    },
    counts: GEMINI_COUNTS,
    shape: 'gemini',
    model: 'gemini-2.5-pro',
    serviceTier: 'on_demand',
  },
  {
    title: 'Gemini, usage alone; what is 0 is left out',
    provider: 'google',
    raw: { promptTokenCount: 8, totalTokenCount: 8 },
    counts: { inputTokens: 8 },
  },
  {
    title: 'Gemini, stream: the last chunk counts',
    provider: 'gcp.gemini',
    raw: [
      { responseId: 'a', usageMetadata: { promptTokenCount: 264, candidatesTokenCount: 2, totalTokenCount: 266 } },
      { responseId: 'a', usageMetadata: GEMINI_USAGE, modelVersion: 'gemini-2.5-flash' },
    ],
    counts: GEMINI_COUNTS,
    model: 'gemini-2.5-flash',
  },
  {
    title: "Gemini, as Google's Python SDK spells it",
    provider: 'google',
    raw: {
      model_version: 'gemini-2.5-pro',
      usage_metadata: {
        prompt_token_count: 10,
        cached_content_token_count: 4,
        candidates_token_count: 5,
        thoughts_token_count: 6,
        tool_use_prompt_token_count: null,
        total_token_count: 21,
        prompt_tokens_details: [{ modality: 'AUDIO', token_count: 3 }],
      },
    },
    counts: { inputTokens: 10, outputTokens: 11, cacheReadTokens: 4, reasoningTokens: 6, inputAudioTokens: 3 },
    model: 'gemini-2.5-pro',
  },
];

const BEDROCK_USAGE = { inputTokens: 30, outputTokens: 628, cacheReadInputTokens: 100, cacheWriteInputTokens: 50 };
const BEDROCK_COUNTS = { inputTokens: 180, outputTokens: 628, cacheReadTokens: 100, cacheWriteTokens: 50 };

export const BEDROCK_CASES: UsageCase[] = [
  {
    title: 'Bedrock Converse, whole body, 1-hour writes, total without cache',
    provider: 'bedrock',
    raw: {
      output: { message: {} },
      usage: {
        ...BEDROCK_USAGE,
        totalTokens: 658,
        cacheDetails: [
          { ttl: '1h', inputTokens: 20 },
          { ttl: '5m', inputTokens: 30 },
        ],
      },
      serviceTier: { type: 'priority' },
    },
    counts: { ...BEDROCK_COUNTS, cacheWrite1hTokens: 20 },
    shape: 'bedrock_converse',
    serviceTier: 'priority',
  },
  {
    title: 'Bedrock ConverseStream metadata event, total with cache',
    provider: 'aws',
    raw: { metadata: { usage: { ...BEDROCK_USAGE, totalTokens: 808 }, metrics: { latencyMs: 1275 } } },
    counts: BEDROCK_COUNTS,
  },
  {
    title: 'Bedrock Converse, a total that fits neither reading is flagged, never refused',
    provider: 'aws',
    raw: { ...BEDROCK_USAGE, totalTokens: 2 },
    counts: BEDROCK_COUNTS,
    warnings: ['usage.totalTokens is 2'],
  },
  {
    title: 'Bedrock InvokeModel metrics',
    provider: 'aws',
    raw: {
      'amazon-bedrock-invocationMetrics': {
        inputTokenCount: 10,
        outputTokenCount: 4,
        cacheReadInputTokenCount: 5,
        cacheWriteInputTokenCount: 6,
        invocationLatency: 900,
        firstByteLatency: 300,
      },
    },
    counts: { inputTokens: 21, outputTokens: 4, cacheReadTokens: 5, cacheWriteTokens: 6 },
    shape: 'bedrock_metrics',
  },
];

export const COHERE_CASES: UsageCase[] = [
  {
    title: 'Cohere, whole body: billed units, not its own prompt',
    provider: 'cohere',
    raw: {
      id: 'x',
      message: { role: 'assistant', content: [] },
      usage: {
        billed_units: { input_tokens: 17, output_tokens: 12 },
        tokens: { input_tokens: 215, output_tokens: 12 },
      },
    },
    counts: { inputTokens: 17, outputTokens: 12 },
    shape: 'cohere',
  },
  {
    title: 'Cohere, message-end, cached tokens flagged',
    provider: 'cohere',
    raw: {
      type: 'message-end',
      delta: {
        finish_reason: 'COMPLETE',
        usage: { billed_units: { input_tokens: 17, output_tokens: 12 }, tokens: null, cached_tokens: 10 },
      },
    },
    counts: { inputTokens: 17, outputTokens: 12, cacheReadTokens: 10 },
    warnings: ['cached_tokens'],
  },
  {
    title: 'Cohere, more cached than billed is flagged, never refused',
    provider: 'cohere',
    raw: { billed_units: { input_tokens: 17, output_tokens: 12 }, cached_tokens: 100 },
    counts: { inputTokens: 17, outputTokens: 12 },
    warnings: ['was left out'],
  },
  {
    title: 'Cohere embed',
    provider: 'cohere',
    raw: { id: 'x', embeddings: {}, meta: { api_version: {}, billed_units: { input_tokens: 4 } } },
    counts: { inputTokens: 4 },
  },
];
