import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

/** What the provider has said of one call, in Meterr's words. */
export interface SaidCall {
  id: string;
  model: string;
  input_tokens: number;
  output_tokens: number;
  cache_read_tokens: number;
  cache_write_tokens: number;
  /** Whether the answer told the counts: a stream does where it was asked to. */
  isTold: boolean;
}

/** A provider of models on this machine: OpenAI's APIs and Anthropic's, as far as clients need them. */
export interface ModelProvider {
  /** Without `/v1`. */
  url: string;
  /** All calls, in the order in which they came. Each has numbers of its own. */
  said: SaidCall[];
  close(): Promise<void>;
}

type Body = Record<string, unknown>;

/** What an API answers with: one object, or what a stream of it sends. */
interface Api {
  idPrefix: string;
  model: string;
  isTold(body: Body): boolean;
  answer(call: SaidCall): object;
  /** Each event as it is sent, with its name where the API has names. */
  stream(call: SaidCall): readonly (readonly [name: string | null, data: object | string])[];
}

const ANSWER = 'Because shorter waves scatter more.';

function chatUsage(call: SaidCall) {
  return {
    prompt_tokens: call.input_tokens,
    completion_tokens: call.output_tokens,
    total_tokens: call.input_tokens + call.output_tokens,
    prompt_tokens_details: { cached_tokens: call.cache_read_tokens, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
  };
}

const CHAT: Api = {
  idPrefix: 'chatcmpl-',
  model: 'gpt-4o-mini-2024-07-18',
  isTold: ({ stream, stream_options }) => !stream || Object(stream_options).include_usage === true,
  answer: (call) => ({
    ...{ id: call.id, object: 'chat.completion', created: 1_795_841_400, model: call.model },
    choices: [{ index: 0, message: { role: 'assistant', content: ANSWER }, logprobs: null, finish_reason: 'stop' }],
    usage: chatUsage(call),
  }),
  stream(call) {
    const head = { id: call.id, object: 'chat.completion.chunk', created: 1_795_841_400, model: call.model };
    const chunk = (delta: object, finish_reason: string | null) => ({
      ...head,
      choices: [{ index: 0, delta, logprobs: null, finish_reason }],
    });
    return [
      [null, chunk({ role: 'assistant', content: ANSWER }, null)],
      [null, chunk({}, 'stop')],
      ...(call.isTold ? [[null, { ...head, choices: [], usage: chatUsage(call) }] as const] : []),
      [null, '[DONE]'],
    ];
  },
};

function response(call: SaidCall, status: string): object {
  const content = [{ type: 'output_text', text: ANSWER, annotations: [] }];
  return {
    ...{ id: call.id, object: 'response', created_at: 1_795_841_400, status, model: call.model, error: null },
    ...{ incomplete_details: null, instructions: null, metadata: {}, parallel_tool_calls: true, tools: [] },
    ...{ tool_choice: 'auto', temperature: 1, top_p: 1 },
    output: [{ id: `msg_${call.id.slice(5)}`, type: 'message', status: 'completed', role: 'assistant', content }],
    usage: {
      input_tokens: call.input_tokens,
      input_tokens_details: { cached_tokens: call.cache_read_tokens },
      output_tokens: call.output_tokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: call.input_tokens + call.output_tokens,
    },
  };
}

const RESPONSES: Api = {
  idPrefix: 'resp_',
  model: 'gpt-4o-mini-2024-07-18',
  isTold: () => true,
  answer: (call) => response(call, 'completed'),
  stream(call) {
    const item_id = `msg_${call.id.slice(5)}`;
    const item = { id: item_id, type: 'message', status: 'in_progress', role: 'assistant', content: [] };
    const at = { item_id, output_index: 0, content_index: 0 };
    const part = { type: 'output_text', text: '', annotations: [] };
    const { usage: _, ...begun } = response(call, 'in_progress') as Body;
    const events = [
      { type: 'response.created', response: { ...begun, output: [] } },
      { type: 'response.output_item.added', output_index: 0, item },
      { type: 'response.content_part.added', ...at, part },
      { type: 'response.output_text.delta', ...at, delta: ANSWER, logprobs: [] },
      { type: 'response.output_text.done', ...at, text: ANSWER, logprobs: [] },
      { type: 'response.content_part.done', ...at, part: { ...part, text: ANSWER } },
      {
        type: 'response.output_item.done',
        output_index: 0,
        item: { ...item, status: 'completed', content: [{ ...part, text: ANSWER }] },
      },
      { type: 'response.completed', response: response(call, 'completed') },
    ];
    return events.map((event, sequence_number) => [event.type, { ...event, sequence_number }] as const);
  },
};

const EMBEDDINGS: Api = {
  idPrefix: 'emb-',
  model: 'text-embedding-3-small',
  isTold: () => true,
  answer: (call) => ({
    object: 'list',
    model: call.model,
    data: [{ object: 'embedding', index: 0, embedding: [0.1, 0.2] }],
    usage: { prompt_tokens: call.input_tokens, total_tokens: call.input_tokens },
  }),
  stream: () => [],
};

function messageUsage(call: SaidCall) {
  // Anthropic's input leaves both caches out.
  return {
    input_tokens: call.input_tokens - call.cache_read_tokens - call.cache_write_tokens,
    cache_read_input_tokens: call.cache_read_tokens,
    cache_creation_input_tokens: call.cache_write_tokens,
    output_tokens: call.output_tokens,
  };
}

const MESSAGES: Api = {
  idPrefix: 'msg_',
  model: 'claude-haiku-4-5-20251001',
  isTold: () => true,
  answer: (call) => ({
    ...{
      id: call.id,
      type: 'message',
      role: 'assistant',
      model: call.model,
      stop_reason: 'end_turn',
      stop_sequence: null,
    },
    content: [{ type: 'text', text: ANSWER }],
    usage: messageUsage(call),
  }),
  stream(call) {
    const head = { id: call.id, type: 'message', role: 'assistant', model: call.model, content: [] };
    const events = [
      {
        type: 'message_start',
        message: { ...head, stop_reason: null, usage: { ...messageUsage(call), output_tokens: 1 } },
      },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: ANSWER } },
      { type: 'content_block_stop', index: 0 },
      {
        type: 'message_delta',
        delta: { stop_reason: 'end_turn', stop_sequence: null },
        usage: { output_tokens: call.output_tokens },
      },
      { type: 'message_stop' },
    ];
    return events.map((event) => [event.type, event] as const);
  },
};

const APIS: ReadonlyMap<string, Api> = new Map([
  ['/v1/chat/completions', CHAT],
  ['/v1/responses', RESPONSES],
  ['/v1/embeddings', EMBEDDINGS],
  ['/v1/messages', MESSAGES],
]);

/** Numbers that no other call has. */
function makeCall(api: Api, number: number, body: Body): SaidCall {
  const isEmbedding = api === EMBEDDINGS;
  return {
    id: api.idPrefix + randomBytes(12).toString('base64url').replaceAll(/[-_]/g, 'x'),
    model: api.model,
    input_tokens: 1_000 + 7 * number,
    output_tokens: isEmbedding ? 0 : 100 + number,
    cache_read_tokens: isEmbedding ? 0 : 600 + number,
    cache_write_tokens: api === MESSAGES ? 50 + number : 0,
    isTold: api.isTold(body),
  };
}

export async function startModelProvider(): Promise<ModelProvider> {
  const said: SaidCall[] = [];
  const server = createServer(async (incoming, outgoing) => {
    const api = APIS.get((incoming.url ?? '').split('?', 1)[0] ?? '');
    const body: Body = JSON.parse((await text(incoming)) || '{}');
    if (!api) return void outgoing.writeHead(404, { 'Content-Type': 'application/json' }).end('{}');
    const call = makeCall(api, said.length + 1, body);
    said.push(call);
    if (!body.stream) {
      return void outgoing.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(api.answer(call)));
    }
    outgoing.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' });
    for (const [name, data] of api.stream(call)) {
      const line = typeof data === 'string' ? data : JSON.stringify(data);
      outgoing.write(`${name === null ? '' : `event: ${name}\n`}data: ${line}\n\n`);
    }
    outgoing.end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    said,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
