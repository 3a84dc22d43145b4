/** What the load sends: one shape of body for each door, the same event in each. */
export type LoadKind = 'rest' | 'graphql' | 'batch' | 'ndjson';

interface Variant {
  provider: string;
  model: string;
  input: number;
  output: number;
  cached: number;
}

/** Models that the catalog and the baseline's price list both know. */
const VARIANTS: readonly Variant[] = [
  { provider: 'openai', model: 'gpt-4o', input: 1200, output: 300, cached: 1024 },
  { provider: 'openai', model: 'gpt-4o-mini', input: 2400, output: 150, cached: 0 },
  { provider: 'anthropic', model: 'claude-sonnet-4-5', input: 5210, output: 877, cached: 4096 },
  { provider: 'anthropic', model: 'claude-haiku-4-5', input: 940, output: 210, cached: 0 },
  { provider: 'google', model: 'gemini-2.5-flash', input: 3300, output: 640, cached: 0 },
];
const USERS = 50;
const SEQUENCE_DIGITS = 8;
const RECORD = 'mutation Record($input: RecordUsageInput!) { recordUsage(input: $input) { id cost costSource } }';

/**
 * The id of the n-th event of a connection: of a fixed length, so that a body's length does not
 * change.
 */
export function eventIdOf(run: string, connection: number, n: number): string {
  return `${run}-${String(connection).padStart(3, '0')}-${String(n).padStart(SEQUENCE_DIGITS, '0')}`;
}

function variantOf(n: number): Variant {
  return VARIANTS[n % VARIANTS.length] as Variant;
}

function userOf(n: number): string {
  return `user-${10 + (n % USERS)}`;
}

/** The n-th event as REST takes it: the same text whenever it is asked for. */
export function restEvent(id: string, n: number): string {
  const { provider, model, input, output, cached } = variantOf(n);
  return `{"id":"${id}","provider":"${provider}","model":"${model}","input_tokens":${input},"output_tokens":${output},"cache_read_tokens":${cached},"user_id":"${userOf(n)}","tags":{"env":"prod","feature":"chat"}}`;
}

function graphqlEvent(id: string, n: number): string {
  const { provider, model, input, output, cached } = variantOf(n);
  return `{"query":"${RECORD}","variables":{"input":{"id":"${id}","provider":"${provider}","model":"${model}","inputTokens":${input},"outputTokens":${output},"cacheReadTokens":${cached},"userId":"${userOf(n)}","tags":{"env":"prod","feature":"chat"}}}}`;
}

/** The body of one request that carries these events. */
export function bodyOf(kind: LoadKind, events: readonly { id: string; n: number }[]): string {
  const first = events[0];
  if (!first) throw new Error('a body of no events');
  if (kind === 'rest') return restEvent(first.id, first.n);
  if (kind === 'graphql') return graphqlEvent(first.id, first.n);
  const lines = events.map(({ id, n }) => restEvent(id, n));
  return kind === 'ndjson' ? lines.join('\n') : `{"events":[${lines.join(',')}]}`;
}

/** Path and media type of a kind of body. */
export function targetOf(kind: LoadKind): { path: string; contentType: string } {
  if (kind === 'graphql') return { path: '/graphql', contentType: 'application/json' };
  return { path: '/v1/usage', contentType: kind === 'ndjson' ? 'application/x-ndjson' : 'application/json' };
}
