import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

/** A request as it came. */
export interface OpenaiRequest {
  path: string;
  body: Record<string, unknown>;
}

/**
 * The outside world: a server that speaks Chat Completions over HTTP, as far as one answer goes.
 */
export interface OpenaiServer {
  /** With the `/v1` that clients of OpenAI have in their base URL. */
  url: string;
  requests: OpenaiRequest[];
  /** Answers 503 to all that comes from now on. */
  fail(): void;
  close(): Promise<void>;
}

const HEAD = {
  id: 'chatcmpl-Cj3Zc9mZ1vVQ0bq7yQn0r5sVwK2tE',
  created: 1_795_841_400,
  model: 'gpt-4o-mini-2024-07-18',
  service_tier: 'default',
  system_fingerprint: 'fp_560af6e559',
};

export const OPENAI_USAGE = {
  prompt_tokens: 1_200,
  completion_tokens: 300,
  total_tokens: 1_500,
  prompt_tokens_details: { cached_tokens: 1_024, audio_tokens: 0 },
  completion_tokens_details: {
    reasoning_tokens: 0,
    audio_tokens: 0,
    accepted_prediction_tokens: 0,
    rejected_prediction_tokens: 0,
  },
};

const WORDS = ['Because', ' shorter', ' waves', ' scatter', ' more', ' – é', '.'];

/** Each answer has an id of its own: one with the id of another is that answer. */
function headOf(answer: number): typeof HEAD {
  return { ...HEAD, id: `${HEAD.id}${answer}` };
}

function chunk(head: typeof HEAD, delta: object, finishReason: string | null = null): object {
  const choice = { index: 0, delta, logprobs: null, finish_reason: finishReason };
  return { object: 'chat.completion.chunk', ...head, choices: [choice], usage: null, obfuscation: 'l7Q' };
}

/** A stream as OpenAI sends it with `stream_options.include_usage`, in one piece. */
function transcript(answer: number): Buffer {
  const head = headOf(answer);
  const chunks = [
    chunk(head, { role: 'assistant', content: '', refusal: null }),
    ...WORDS.map((content) => chunk(head, { content })),
    chunk(head, {}, 'stop'),
    { object: 'chat.completion.chunk', ...head, choices: [], usage: OPENAI_USAGE, obfuscation: 'eJ9xk' },
  ];
  const events = [...chunks.map((one) => JSON.stringify(one)), '[DONE]'];
  return Buffer.from(events.map((data) => `data: ${data}\n\n`).join(''));
}

/** What a reader sees of the answer. */
export const OPENAI_ANSWER = WORDS.join('');

const COMPLETION = {
  object: 'chat.completion',
  ...HEAD,
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: OPENAI_ANSWER, refusal: null, annotations: [] },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: OPENAI_USAGE,
};

/** Small and odd, so that events, lines and letters are cut anywhere. */
const PIECE_BYTES = 101;

export async function startOpenaiServer(): Promise<OpenaiServer> {
  const requests: OpenaiRequest[] = [];
  let fails = false;
  const server = createServer(async (incoming, outgoing) => {
    const body: Record<string, unknown> = JSON.parse(await text(incoming));
    requests.push({ path: incoming.url ?? '', body });
    if (fails) {
      const error = { message: 'The engine is currently overloaded.', type: 'server_error', param: null, code: null };
      outgoing.writeHead(503, { 'Content-Type': 'application/json' }).end(JSON.stringify({ error }));
      return;
    }
    if (body.stream !== true) {
      outgoing
        .writeHead(200, { 'Content-Type': 'application/json' })
        .end(JSON.stringify({ ...COMPLETION, ...headOf(requests.length) }));
      return;
    }
    outgoing.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' });
    const bytes = transcript(requests.length);
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      const piece = bytes.subarray(at, at + PIECE_BYTES);
      await new Promise<void>((resolve) => outgoing.write(piece, () => resolve()));
    }
    outgoing.end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    requests,
    fail() {
      fails = true;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
