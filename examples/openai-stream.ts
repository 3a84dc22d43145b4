import { randomUUID } from 'node:crypto';

// Streams a Chat Completions answer from OpenAI to the terminal, then records what it used.
//
// OPENAI_API_KEY=sk-... KEY=$(cat .meterr/api-key) node examples/openai-stream.ts "Why is the sky
// blue?"

const OPENAI_URL = process.env.OPENAI_BASE_URL ?? 'https://api.openai.com/v1';
const METERR_URL = process.env.METERR_URL ?? 'http://127.0.0.1:4000';
const MODEL = process.env.OPENAI_MODEL ?? 'gpt-4o-mini';

/** A `chat.completion.chunk`, as far as this example reads it. */
interface Chunk {
  choices: { delta: { content?: string | null } }[];
  /** Null in every chunk but the last, whose `choices` are empty. */
  usage?: object | null;
}

function post(url: string, key: string | undefined, body: object): Promise<Response> {
  const headers = { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' };
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
}

/** The data of each Server-Sent Event, in order. */
async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of body) {
    const events = (rest + decoder.decode(bytes, { stream: true })).split(/\r?\n\r?\n/);
    rest = events.pop() ?? '';
    for (const event of events) {
      const lines = event.split(/\r?\n/).filter((line) => line.startsWith('data:'));
      if (lines.length > 0) yield lines.map((line) => line.slice('data:'.length).trimStart()).join('\n');
    }
  }
}

/**
 * Writes the answer as it comes. Returns the chunk that carries the usage; null where the stream
 * broke off.
 */
async function printAnswer(body: ReadableStream<Uint8Array>): Promise<Chunk | null> {
  let last: Chunk | null = null;
  for await (const data of readEvents(body)) {
    if (data === '[DONE]') break;
    const chunk: Chunk = JSON.parse(data);
    process.stdout.write(chunk.choices[0]?.delta.content ?? '');
    if (chunk.usage) last = chunk;
  }
  process.stdout.write('\n');
  return last;
}

const answer = await post(`${OPENAI_URL}/chat/completions`, process.env.OPENAI_API_KEY, {
  model: MODEL,
  messages: [{ role: 'user', content: process.argv[2] ?? 'Why is the sky blue?' }],
  stream: true,
  // Without this OpenAI does not say what a stream used.
  stream_options: { include_usage: true },
});
if (!answer.ok || !answer.body) throw new Error(`OpenAI answered ${answer.status}: ${await answer.text()}`);
const last = await printAnswer(answer.body);
if (!last) throw new Error('The stream ended before its usage chunk, so there is nothing to record.');

// The chunk goes to Meterr unchanged: it names the model and the service tier, and Meterr reads the
// counts from it.
const recorded = await post(`${METERR_URL}/v1/usage`, process.env.KEY, {
  // Made once for each call: sending the same event again after a lost answer is harmless.
  id: randomUUID(),
  provider: 'openai',
  usage: last,
  tags: { feature: 'chat' },
});
if (!recorded.ok) throw new Error(`Meterr answered ${recorded.status}: ${await recorded.text()}`);
const event: { id: string; cost: string | null; total_tokens: number } = await recorded.json();
console.log(`Recorded ${event.id}: ${event.total_tokens} tokens, ${event.cost ?? 'unknown'} USD`);
