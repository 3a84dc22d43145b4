// Reserves the worst case of a call before it is made, calls OpenAI, and settles the hold with what
// the call used. Where the call fails, the hold is released; where a budget has no room, nothing is
// called.
//
// OPENAI_API_KEY=sk-... KEY=$(cat .meterr/api-key) node examples/holds.ts "Why is the sky blue?"

const OPENAI_URL = process.env.OPENAI_BASE_URL ?? 'https://api.openai.com/v1';
const METERR_URL = process.env.METERR_URL ?? 'http://127.0.0.1:4000';
const MODEL = process.env.OPENAI_MODEL ?? 'gpt-4o-mini';
const USER = process.env.USER_ID ?? 'u-42';
const MAX_OUTPUT_TOKENS = 800;
/** What Chat Completions adds around the one message. */
const FRAME_TOKENS = 16;
const PAYMENT_REQUIRED = 402;

/** What a 402 of Meterr says. Amounts are decimal strings in USD. */
interface Refusal {
  error: { message: string } & (
    | { code: 'budget_exceeded'; details: { budget_id: string; limit: string; current: string; requested: string } }
    | { code: 'insufficient_credits'; details: { required: string; available: string } }
  );
}

function send(method: string, url: string, key: string | undefined, body?: object): Promise<Response> {
  const headers = { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' };
  return fetch(url, { method, headers, body: body === undefined ? null : JSON.stringify(body) });
}

const meterr = (method: string, path: string, body?: object) => send(method, METERR_URL + path, process.env.KEY, body);

async function requireOk(who: string, response: Response): Promise<Response> {
  if (!response.ok) throw new Error(`${who} answered ${response.status}: ${await response.text()}`);
  return response;
}

/**
 * The id of a hold on the worst case; null where a budget or the prepaid credits have no room for
 * it.
 */
async function reserve(prompt: string): Promise<string | null> {
  const response = await meterr('POST', '/v1/usage/holds', {
    provider: 'openai',
    model: MODEL,
    // A token is at least one byte, so the prompt cannot come to more.
    input_tokens: Buffer.byteLength(prompt) + FRAME_TOKENS,
    max_output_tokens: MAX_OUTPUT_TOKENS,
    user_id: USER,
  });
  if (response.status === PAYMENT_REQUIRED) {
    const { error }: Refusal = await response.json();
    console.log(`Refused (${error.code}): ${error.message}`);
    return null;
  }
  const hold: { id: string; amount: string | null } = await (await requireOk('Meterr', response)).json();
  console.log(`Reserved ${hold.amount ?? 'unknown'} USD as ${hold.id}`);
  return hold.id;
}

/** The whole response body of one call. @throws Error when it fails */
async function complete(prompt: string): Promise<object> {
  const response = await send('POST', `${OPENAI_URL}/chat/completions`, process.env.OPENAI_API_KEY, {
    model: MODEL,
    messages: [{ role: 'user', content: prompt }],
    max_completion_tokens: MAX_OUTPUT_TOKENS,
  });
  return (await requireOk('OpenAI', response)).json();
}

const prompt = process.argv[2] ?? 'Why is the sky blue?';
const holdId = await reserve(prompt);
if (holdId !== null) {
  const completion = await complete(prompt).catch(async (error: unknown) => {
    // If this process dies first, the hold ends by itself after 300 seconds.
    await requireOk('Meterr', await meterr('DELETE', `/v1/usage/holds/${holdId}`));
    console.log(`Released ${holdId}`);
    throw error;
  });
  // The hold's own id names the event, so that settling twice after a lost answer is harmless.
  const event = { id: holdId, provider: 'openai', usage: completion, user_id: USER, hold_id: holdId };
  const settled = await requireOk('Meterr', await meterr('POST', '/v1/usage', event));
  const { id, cost }: { id: string; cost: string | null } = await settled.json();
  console.log(`Settled by ${id}: ${cost ?? 'unknown'} USD`);
}
