import { describe, expect, it } from 'vitest';
import { decodeUsage } from '../../../src/domain/usage/decode/decode-usage.ts';
import type { DecodedUsage } from '../../../src/domain/usage/decode/decoded-usage.ts';

// Kinds of answers that trackers of other makers got wrong. Each row: what is sent, and what it must
// give: counts by their field, units by their name, and whatever else is named.

interface Row {
  title: string;
  provider?: string;
  model?: string;
  raw: unknown;
  expected: Record<string, unknown>;
  warns?: string;
}

/** The named parts of what was decoded, counts and units in one object. */
function picked(decoded: DecodedUsage, names: readonly string[]): Record<string, unknown> {
  const all: Record<string, unknown> = { ...decoded, ...decoded.counts, ...decoded.units };
  return Object.fromEntries(names.map((name) => [name, all[name]]));
}

function check({ provider = 'openai', model, raw, expected, warns }: Row): void {
  const decoded = decodeUsage(provider, raw, model ?? null);
  expect(picked(decoded, Object.keys(expected))).toEqual(expected);
  if (warns === undefined) expect(decoded.warnings).toEqual([]);
  else expect(decoded.warnings.join('\n')).toContain(warns);
}

const CHAT = { prompt_tokens: 10, completion_tokens: 5 };
const messageStart = (usage: object) => ({ type: 'message_start', message: { id: 'msg_01', model: 'm', usage } });
const messageDelta = (usage: object) => ({ type: 'message_delta', delta: {}, usage });
const gemini = (usageMetadata: object, more: object = {}) => ({ usageMetadata, ...more });

const FLAGGED: Row[] = [
  {
    title: 'cache reads above the prompt stand beside it',
    raw: { ...CHAT, prompt_tokens_details: { cached_tokens: 11 } },
    expected: { inputTokens: 21, cacheReadTokens: 11 },
    warns: 'cache reads',
  },
  {
    title: 'cache reads and writes that together are above the prompt stand beside it',
    raw: { ...CHAT, prompt_tokens_details: { cached_tokens: 6, cache_write_tokens: 6 } },
    expected: { inputTokens: 22, cacheReadTokens: 6, cacheWriteTokens: 6 },
    warns: 'cache reads and writes',
  },
  {
    title: 'reasoning above the output stands beside it',
    raw: { ...CHAT, completion_tokens_details: { reasoning_tokens: 6 } },
    expected: { outputTokens: 11, reasoningTokens: 6 },
    warns: 'reasoning',
  },
  {
    title: 'audio above the output raises it',
    raw: { ...CHAT, completion_tokens_details: { audio_tokens: 9 } },
    expected: { outputTokens: 9, outputAudioTokens: 9 },
    warns: 'audio',
  },
  {
    title: 'images above the input raise it',
    raw: { input_tokens: 3, output_tokens: 1, input_tokens_details: { image_tokens: 8 } },
    expected: { inputTokens: 8, input_image_tokens: 8 },
    warns: 'images',
  },
  {
    title: 'a total below a part',
    raw: { ...CHAT, total_tokens: 9 },
    expected: { inputTokens: 10, outputTokens: 5 },
    warns: 'total_tokens is 9',
  },
  {
    title: 'a total of nothing',
    raw: { totalTokenCount: 9 },
    expected: { inputTokens: 0, outputTokens: 0 },
    warns: 'totalTokenCount is 9',
  },
  {
    title: 'a split of cache writes above their sum',
    raw: {
      input_tokens: 1,
      output_tokens: 1,
      cache_creation_input_tokens: 2,
      cache_creation: { ephemeral_1h_input_tokens: 3 },
    },
    expected: { inputTokens: 4, cacheWriteTokens: 3, cacheWrite1hTokens: 3 },
    warns: 'cache_creation adds up to 3',
  },
  {
    title: 'cache counts of two conventions are read as their details say',
    raw: { input_tokens: 9, output_tokens: 1, cache_read_input_tokens: 5, input_tokens_details: { cached_tokens: 3 } },
    expected: { inputTokens: 9, cacheReadTokens: 3 },
    warns: "mixes OpenAI's and Anthropic's",
  },
  {
    title: 'Gemini whose total proves that the candidates hold the thoughts',
    provider: 'google',
    raw: { promptTokenCount: 300, candidatesTokenCount: 2000, thoughtsTokenCount: 1900, totalTokenCount: 2300 },
    expected: { inputTokens: 300, outputTokens: 2000, reasoningTokens: 1900 },
    warns: 'already inside',
  },
  {
    title: 'Gemini in the Chat form behind a gateway hides its thinking in the total',
    provider: 'openrouter',
    model: 'google/gemini-2.5-pro',
    raw: { prompt_tokens: 30, completion_tokens: 200, total_tokens: 700 },
    expected: { inputTokens: 30, outputTokens: 670, reasoningTokens: 470 },
    warns: 'thinking',
  },
  {
    title: 'another model in the Chat form hides nothing',
    raw: { prompt_tokens: 30, completion_tokens: 200, total_tokens: 700 },
    expected: { inputTokens: 30, outputTokens: 200 },
    warns: 'total_tokens is 700',
  },
];

const STREAMS: Row[] = [
  {
    title: 'a message_delta that splits the prompt of the message_start by cache',
    raw: [
      messageStart({ input_tokens: 9000, output_tokens: 0 }),
      messageDelta({ input_tokens: 200, cache_read_input_tokens: 8800, output_tokens: 400 }),
    ],
    expected: { inputTokens: 9000, cacheReadTokens: 8800, outputTokens: 400, responseId: 'msg_01' },
  },
  {
    title: 'a message_delta with writes that splits the prompt',
    raw: [
      messageStart({ input_tokens: 1000, output_tokens: 0 }),
      messageDelta({
        input_tokens: 100,
        cache_creation_input_tokens: 600,
        cache_read_input_tokens: 300,
        output_tokens: 4,
      }),
    ],
    expected: { inputTokens: 1000, cacheReadTokens: 300, cacheWriteTokens: 600 },
  },
  {
    title: 'a message_delta whose zeros mean "said before"',
    raw: [
      messageStart({
        input_tokens: 30,
        cache_read_input_tokens: 500,
        cache_creation_input_tokens: 100,
        output_tokens: 1,
      }),
      messageDelta({ input_tokens: 0, cache_read_input_tokens: 0, cache_creation_input_tokens: 0, output_tokens: 50 }),
    ],
    expected: { inputTokens: 630, cacheReadTokens: 500, cacheWriteTokens: 100, outputTokens: 50 },
  },
  {
    title: 'a message_delta whose input is the sum that the message_start split',
    raw: [
      messageStart({ input_tokens: 30, cache_read_input_tokens: 500, output_tokens: 1 }),
      messageDelta({ input_tokens: 530, output_tokens: 50 }),
    ],
    expected: { inputTokens: 530, cacheReadTokens: 500, outputTokens: 50 },
  },
  {
    title: 'a message_delta with nulls beside its output',
    raw: [
      messageStart({ input_tokens: 30, cache_read_input_tokens: 500, output_tokens: 1 }),
      messageDelta({ input_tokens: null, cache_read_input_tokens: null, output_tokens: 50 }),
    ],
    expected: { inputTokens: 530, cacheReadTokens: 500, outputTokens: 50 },
  },
  {
    title: 'Gemini chunks that leave out what an earlier one said',
    provider: 'google',
    raw: [
      gemini({ promptTokenCount: 50, cachedContentTokenCount: 48, thoughtsTokenCount: 7, totalTokenCount: 57 }),
      gemini({ promptTokenCount: 50, candidatesTokenCount: 300, totalTokenCount: 357 }),
    ],
    expected: { inputTokens: 50, cacheReadTokens: 48, outputTokens: 307, reasoningTokens: 7 },
  },
  {
    title: 'a Chat chunk of zeros after the real one',
    raw: [
      { choices: [], usage: CHAT },
      { choices: [], usage: { prompt_tokens: 0, completion_tokens: 0 } },
    ],
    expected: { inputTokens: 10, outputTokens: 5 },
  },
  {
    title: 'grounding that is told in an earlier chunk than the usage',
    provider: 'google',
    raw: [
      { candidates: [{ groundingMetadata: { webSearchQueries: ['a', 'b'] } }] },
      gemini({ promptTokenCount: 5, candidatesTokenCount: 5, totalTokenCount: 10 }, { modelVersion: 'gemini-3-pro' }),
    ],
    expected: { webSearches: 2 },
  },
];

const SHAPES: Row[] = [
  {
    title: "Llama on Bedrock's InvokeModel",
    raw: { generation: 'x', prompt_token_count: 1000, generation_token_count: 500 },
    expected: { inputTokens: 1000, outputTokens: 500 },
  },
  {
    title: "Titan on Bedrock's InvokeModel",
    raw: { inputTextTokenCount: 8, results: [{ tokenCount: 3, outputText: 'x' }] },
    expected: { inputTokens: 8, outputTokens: 3 },
  },
  {
    title: 'embeddings that state only a total',
    provider: 'voyageai',
    raw: { object: 'list', data: [], usage: { total_tokens: 800 } },
    expected: { inputTokens: 800, outputTokens: 0, units: null },
  },
  {
    title: "Google's Interactions",
    provider: 'google',
    raw: {
      usage: {
        total_input_tokens: 120,
        total_cached_tokens: 20,
        total_output_tokens: 40,
        total_thought_tokens: 60,
        total_tool_use_tokens: 5,
        total_tokens: 225,
      },
    },
    expected: { inputTokens: 125, cacheReadTokens: 20, outputTokens: 100, reasoningTokens: 60 },
  },
  {
    title: "Mistral's connectors, which the total proves",
    provider: 'mistral',
    raw: { prompt_tokens: 150, completion_tokens: 40, total_tokens: 5190, connector_tokens: 5000 },
    expected: { inputTokens: 5150, outputTokens: 40 },
  },
  {
    title: "Perplexity's deep research beside the completion",
    provider: 'perplexity',
    raw: {
      prompt_tokens: 100,
      completion_tokens: 3000,
      total_tokens: 3100,
      citation_tokens: 7000,
      num_search_queries: 70,
      reasoning_tokens: 2000,
    },
    expected: { outputTokens: 5000, reasoningTokens: 2000, webSearches: 70, output_citation_tokens: 7000 },
  },
  {
    title: 'DashScope: cache creation inside the details of the prompt',
    raw: { ...CHAT, prompt_tokens_details: { cached_tokens: 0, cache_creation_input_tokens: 7 } },
    expected: { inputTokens: 10, cacheWriteTokens: 7 },
  },
  {
    title: 'transcription by the second, begun seconds counted',
    raw: { text: 'x', usage: { type: 'duration', seconds: 8.4 } },
    expected: { inputTokens: 0, input_audio_seconds: 9 },
  },
  {
    title: 'pages of OCR',
    provider: 'mistral',
    raw: { pages: [], usage_info: { pages_processed: 2, doc_size_bytes: null } },
    expected: { inputTokens: 0, input_document_pages: 2 },
  },
  {
    title: 'search units of a reranker',
    provider: 'cohere',
    raw: { meta: { billed_units: { search_units: 1 } } },
    expected: { inputTokens: 0, searches: 1 },
  },
  {
    title: 'images without usage',
    raw: { created: 1, data: [{ url: 'https://images.invalid/1' }, { b64_json: 'eA==' }] },
    expected: { output_images: 2 },
  },
  {
    title: "an answer of OpenAI's image API is all image where it is not split",
    raw: {
      created: 1,
      data: [],
      usage: {
        input_tokens: 1050,
        input_tokens_details: { text_tokens: 50, image_tokens: 1000 },
        output_tokens: 1056,
        total_tokens: 2106,
      },
    },
    expected: { inputTokens: 1050, input_image_tokens: 1000, output_image_tokens: 1056 },
  },
  {
    title: 'cached audio as it is stated',
    raw: {
      input_tokens: 3000,
      output_tokens: 100,
      input_token_details: {
        audio_tokens: 1000,
        cached_tokens: 1000,
        cached_tokens_details: { text_tokens: 0, audio_tokens: 1000 },
      },
      output_token_details: { audio_tokens: 80 },
    },
    expected: { inputAudioTokens: 1000, cacheReadTokens: 1000, cache_audio_read_tokens: 1000 },
  },
  {
    title: 'Gemini by modality, cached and not, in the spelling of an SDK',
    provider: 'google',
    raw: {
      prompt_token_count: 900,
      cached_content_token_count: 300,
      candidates_token_count: 20,
      total_token_count: 920,
      prompt_tokens_details: [
        { modality: 'MediaModality.VIDEO', token_count: 500 },
        { modality: 'IMAGE', token_count: 200 },
      ],
      cache_tokens_details: [{ modality: 'VIDEO', token_count: 300 }],
    },
    expected: { input_video_tokens: 500, input_image_tokens: 200, cache_video_read_tokens: 300 },
  },
  {
    title: 'the tools of Responses that are billed by the call',
    raw: {
      output: [
        { type: 'web_search_call', action: { type: 'search' } },
        { type: 'web_search_call', action: { type: 'open_page' } },
        { type: 'file_search_call' },
        { type: 'code_interpreter_call', container_id: 'cntr_1' },
        { type: 'code_interpreter_call', container_id: 'cntr_1' },
      ],
      usage: { input_tokens: 1, output_tokens: 1, input_tokens_details: { cached_tokens: 0 } },
    },
    expected: { webSearches: 1, storage_searches: 1, code_interpreter_sessions: 1 },
  },
  {
    title: 'Gemini 2 is billed by the grounded prompt',
    provider: 'google',
    raw: gemini(
      { promptTokenCount: 5, candidatesTokenCount: 5, totalTokenCount: 10 },
      { modelVersion: 'gemini-2.5-flash', candidates: [{ groundingMetadata: { webSearchQueries: ['a', 'b'] } }] },
    ),
    expected: { webSearches: 1 },
  },
  {
    title: 'grounding with Google Maps',
    provider: 'google',
    raw: gemini(
      { promptTokenCount: 5, candidatesTokenCount: 5, totalTokenCount: 10 },
      { candidates: [{ groundingMetadata: { groundingChunks: [{ maps: { uri: 'x' } }] } }] },
    ),
    expected: { webSearches: 0, maps_grounding_queries: 1 },
  },
  {
    title: 'an advisor of another model',
    provider: 'anthropic',
    raw: {
      input_tokens: 10,
      output_tokens: 500,
      cache_read_input_tokens: 2000,
      iterations: [
        { type: 'message', input_tokens: 10, output_tokens: 500 },
        { type: 'advisor_message', model: 'claude-opus-4-7', input_tokens: 10_000, output_tokens: 800 },
      ],
    },
    expected: {
      inputTokens: 2010,
      outputTokens: 500,
      parts: [
        { model: 'claude-opus-4-7', counts: expect.objectContaining({ inputTokens: 10_000, outputTokens: 800 }) },
      ],
    },
  },
  {
    title: "what Perplexity's object says it charged",
    provider: 'perplexity',
    raw: { ...CHAT, cost: { input_tokens_cost: 6e-5, total_cost: 0.01356 } },
    expected: { cost: '0.01356' },
  },
  {
    title: "what Vercel's gateway says it charged",
    provider: 'vercel_ai_gateway',
    raw: { id: 'gen_1', usage: { ...CHAT, cost: 0.00021 } },
    expected: { cost: '0.00021', responseId: null },
  },
];

const ENVELOPES: Row[] = [
  {
    title: 'a line of a transcript',
    raw: {
      type: 'assistant',
      requestId: 'req_1',
      message: {
        id: 'msg_02',
        model: 'c',
        usage: { input_tokens: 4, cache_read_input_tokens: 900, output_tokens: 20 },
      },
    },
    expected: { inputTokens: 904, responseId: 'msg_02', model: 'c', serviceTier: null },
  },
  {
    title: "a line of OpenAI's batches is charged as a batch",
    raw: {
      id: 'batch_req_1',
      custom_id: 'mine',
      response: {
        status_code: 200,
        body: { id: 'chatcmpl-a1', model: 'gpt-4o', service_tier: 'default', usage: CHAT },
      },
    },
    expected: { inputTokens: 10, serviceTier: 'batch', responseId: 'chatcmpl-a1', model: 'gpt-4o' },
  },
  {
    title: "a line of Anthropic's batches",
    raw: {
      custom_id: 'mine',
      result: {
        type: 'succeeded',
        message: { id: 'msg_03', usage: { input_tokens: 4, output_tokens: 2, cache_read_input_tokens: 0 } },
      },
    },
    expected: { inputTokens: 4, serviceTier: 'batch', responseId: 'msg_03' },
  },
  {
    title: "a line of Gemini's batches",
    provider: 'google',
    raw: { key: 'mine', response: gemini({ promptTokenCount: 5, candidatesTokenCount: 5, totalTokenCount: 10 }) },
    expected: { inputTokens: 5, serviceTier: 'batch' },
  },
  {
    title: "an event of OpenAI's stream of Responses is no batch",
    raw: { type: 'response.completed', response: { id: 'resp_9', usage: { input_tokens: 1, output_tokens: 1 } } },
    expected: { inputTokens: 1, serviceTier: null, responseId: 'resp_9' },
  },
];

const IDS: [id: string, isTheProviders: boolean][] = [
  ['chatcmpl-AbC123', true],
  ['chatcmpl-0b0f7a3e-8f0e-4c55-9d2b-2f6d2a1e9d11', true],
  ['chatcmpl-123', false],
  ['cmpl-1764300000', false],
  ['cmpl-9xYz', true],
  ['gen-1764300000-abc', true],
  ['gen_01', false],
  ['msg_bdrk_01', true],
  ['0b0f7a3e-8f0e-4c55-9d2b-2f6d2a1e9d11', false],
  ['chatcmpl-', false],
];

describe('what contradicts itself is flagged, not refused', () => {
  it.each(FLAGGED.map((row) => [row.title, row] as const))('%s', (_, row) => check(row));
});

describe('a stream is merged as its vendor means it', () => {
  it.each(STREAMS.map((row) => [row.title, row] as const))('%s', (_, row) => check(row));
});

describe('each shape is read with all that it charges', () => {
  it.each(SHAPES.map((row) => [row.title, row] as const))('%s', (_, row) => check(row));
});

describe('what tools keep of an answer is opened', () => {
  it.each(ENVELOPES.map((row) => [row.title, row] as const))('%s', (_, row) => check(row));
});

it.each(IDS)('the id %s is one that a provider made: %s', (id, isTheProviders) => {
  expect(decodeUsage('openai', { id, usage: CHAT }).responseId).toBe(isTheProviders ? id : null);
});
