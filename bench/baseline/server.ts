import { createHash, timingSafeEqual } from 'node:crypto';
import Fastify from 'fastify';
import pg from 'pg';
import { newUuid } from '../../src/platform/ids.ts';
import { CREATE_TABLE, INSERT } from './table.ts';

// What a good programmer writes in an afternoon: Fastify with schemas for both ways, a pool, one
// prepared INSERT ... ON CONFLICT DO NOTHING a request, the key compared by its hash. No rollups,
// so it has less to do than the server it is compared with.

interface Price {
  input: number;
  cached: number;
  output: number;
}

interface Body {
  id: string;
  provider: string;
  model: string;
  input_tokens: number;
  output_tokens: number;
  cache_read_tokens?: number;
  user_id?: string;
  tags?: Record<string, string>;
}

const POOL_SIZE = 20;
const ORGANIZATION_ID = newUuid();
const TOKENS_PER_PRICE = 1_000_000;
const PRICES = new Map<string, Price>([
  ['openai/gpt-4o', { input: 2.5, cached: 1.25, output: 10 }],
  ['openai/gpt-4o-mini', { input: 0.15, cached: 0.075, output: 0.6 }],
  ['anthropic/claude-sonnet-4-5', { input: 3, cached: 0.3, output: 15 }],
  ['anthropic/claude-haiku-4-5', { input: 1, cached: 0.1, output: 5 }],
  ['google/gemini-2.5-flash', { input: 0.3, cached: 0.075, output: 2.5 }],
]);

const keyHash = createHash('sha256')
  .update(process.env.BASELINE_KEY ?? '')
  .digest();
const pool = new pg.Pool({ connectionString: process.env.BASELINE_DATABASE ?? '', max: POOL_SIZE });
await pool.query(CREATE_TABLE);

function isOurKey(authorization: string | undefined): boolean {
  if (!authorization?.startsWith('Bearer ')) return false;
  return timingSafeEqual(createHash('sha256').update(authorization.slice('Bearer '.length)).digest(), keyHash);
}

function costOf({ provider, model, input_tokens, output_tokens, cache_read_tokens = 0 }: Body): string | null {
  const price = PRICES.get(`${provider}/${model}`);
  if (!price) return null;
  const fresh = input_tokens - cache_read_tokens;
  const total = fresh * price.input + cache_read_tokens * price.cached + output_tokens * price.output;
  return (total / TOKENS_PER_PRICE).toFixed(12);
}

const count = { type: 'integer', minimum: 0 } as const;
const text = { type: 'string', minLength: 1, maxLength: 200 } as const;
const tags = { type: 'object', additionalProperties: { type: 'string' } } as const;
const body = {
  type: 'object',
  required: ['id', 'provider', 'model', 'input_tokens', 'output_tokens'],
  additionalProperties: false,
  properties: {
    id: text,
    provider: text,
    model: text,
    input_tokens: count,
    output_tokens: count,
    cache_read_tokens: count,
    user_id: text,
    tags,
  },
} as const;
const answer = {
  type: 'object',
  properties: {
    id: text,
    event_id: text,
    provider: text,
    model: text,
    input_tokens: count,
    output_tokens: count,
    cache_read_tokens: count,
    user_id: text,
    tags,
    cost: { type: 'string', nullable: true },
    recorded_at: text,
  },
} as const;

const app = Fastify({ logger: false });

app.post<{ Body: Body }>(
  '/v1/usage',
  { schema: { body, response: { 200: answer, 201: answer } } },
  async (request, reply) => {
    if (!isOurKey(request.headers.authorization)) return reply.code(401).send({ error: 'invalid key' });
    const event = request.body;
    const cost = costOf(event);
    const id = newUuid();
    const now = new Date();
    const { rowCount } = await pool.query({
      name: 'insert',
      text: INSERT,
      values: [
        ORGANIZATION_ID,
        id,
        event.id,
        now,
        now,
        event.provider,
        event.model,
        event.input_tokens,
        event.output_tokens,
        event.cache_read_tokens ?? 0,
        cost,
        event.user_id ?? null,
        event.tags ? JSON.stringify(event.tags) : null,
      ],
    });
    reply.code(rowCount === 0 ? 200 : 201);
    return { ...event, id, event_id: event.id, cost, recorded_at: now.toISOString() };
  },
);

process.on('SIGTERM', () => {
  app.close().then(() => pool.end().then(() => process.exit(0)));
});
const url = new URL(await app.listen({ port: 0, host: '127.0.0.1' }));
process.stdout.write(`listening on ${url.port}\n`);
