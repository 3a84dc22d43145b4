// The expected sums of usage, computed without the server: BigInt sums over a list of events, with
// prices copied by hand. Nothing from src/ is imported.

const ATTO = 10n ** 18n;
const PLACES = 18;

/** Parses a decimal such as `-0.0075` as a whole number of 10^-18. */
export function attoOf(decimal: string): bigint {
  const [, sign, whole = '', fraction = ''] = /^(-?)(\d+)(?:\.(\d{1,18}))?$/.exec(decimal) ?? [];
  if (whole === '') throw new Error(`not a decimal: ${decimal}`);
  const value = BigInt(whole) * ATTO + BigInt(fraction.padEnd(PLACES, '0'));
  return sign === '-' ? -value : value;
}

export function decimalOf(atto: bigint): string {
  const positive = atto < 0n ? -atto : atto;
  const fraction = (positive % ATTO).toString().padStart(PLACES, '0').replace(/0+$/, '');
  return `${atto < 0n ? '-' : ''}${positive / ATTO}${fraction ? `.${fraction}` : ''}`;
}

interface Price {
  provider: string;
  /** USD per million tokens. */
  input: string;
  cacheRead: string;
  cacheWrite: string;
  output: string;
}

/** List prices that did not change during the times that tests use. */
export const PRICES: Readonly<Record<string, Price>> = {
  'gpt-4o': { provider: 'openai', input: '2.5', cacheRead: '1.25', cacheWrite: '2.5', output: '10' },
  'gpt-4o-mini': { provider: 'openai', input: '0.15', cacheRead: '0.075', cacheWrite: '0.15', output: '0.6' },
  'claude-3-5-haiku-latest': {
    provider: 'anthropic',
    input: '0.8',
    cacheRead: '0.08',
    cacheWrite: '1',
    output: '4',
  },
};

/** What becomes known only later, where a test says so, see `price-known.ts`. */
export const LATER_PRICES: Readonly<Record<string, Price>> = {
  'unheard-of': { provider: 'nobody', input: '3', cacheRead: '0.3', cacheWrite: '3.75', output: '15' },
};

export interface Counts {
  input: number;
  output: number;
  cacheRead: number;
  cacheWrite: number;
  reasoning: number;
}

/** The cost in 10^-18 USD; null where the model has no price. */
export function priceOf(model: string, counts: Counts, prices = PRICES): bigint | null {
  const price = prices[model];
  if (!price) return null;
  const perMillion = (usd: string) => attoOf(usd) / 1_000_000n;
  const uncachedInput = counts.input - counts.cacheRead - counts.cacheWrite;
  return (
    BigInt(uncachedInput) * perMillion(price.input) +
    BigInt(counts.cacheRead) * perMillion(price.cacheRead) +
    BigInt(counts.cacheWrite) * perMillion(price.cacheWrite) +
    BigInt(counts.output) * perMillion(price.output)
  );
}

export interface LedgerEvent {
  timeMs: number;
  provider: string;
  model: string;
  teamId: string | null;
  keyId: string;
  userId: string | null;
  tags: Record<string, string>;
  counts: Counts;
  cost: bigint | null;
  /** -1 for an event that reverses another. */
  sign: 1 | -1;
}

export interface WireSums {
  requests: number;
  input_tokens: number;
  output_tokens: number;
  total_tokens: number;
  cache_read_tokens: number;
  cache_write_tokens: number;
  reasoning_tokens: number;
  cost: string;
  unpriced_requests: number;
}

type SumOf = Pick<LedgerEvent, 'counts' | 'cost' | 'sign'>;

export function sumsOf(events: readonly SumOf[]): WireSums {
  const add = (value: (event: SumOf) => number) =>
    Number(events.reduce((sum, event) => sum + BigInt(event.sign) * BigInt(value(event)), 0n));
  return {
    requests: add(() => 1),
    input_tokens: add(({ counts }) => counts.input),
    output_tokens: add(({ counts }) => counts.output),
    total_tokens: add(({ counts }) => counts.input + counts.output),
    cache_read_tokens: add(({ counts }) => counts.cacheRead),
    cache_write_tokens: add(({ counts }) => counts.cacheWrite),
    reasoning_tokens: add(({ counts }) => counts.reasoning),
    cost: decimalOf(events.reduce((sum, { cost, sign }) => sum + BigInt(sign) * (cost ?? 0n), 0n)),
    unpriced_requests: add(({ cost }) => (cost === null ? 1 : 0)),
  };
}

function isNothing(sums: WireSums): boolean {
  return Object.values(sums).every((sum) => Number(sum) === 0);
}

/** Sums by the name of each event, without groups whose sums are all 0. */
export function sumsBy<T extends SumOf>(events: readonly T[], nameOf: (event: T) => string): Map<string, WireSums> {
  const groups = [...Map.groupBy(events, nameOf)].map(([name, list]) => [name, sumsOf(list)] as const);
  return new Map(groups.filter(([, sums]) => !isNothing(sums)).sort());
}

export function pickSums(row: WireSums): WireSums {
  const { requests, input_tokens, output_tokens, total_tokens, cost, unpriced_requests } = row;
  const { cache_read_tokens, cache_write_tokens, reasoning_tokens } = row;
  return {
    requests,
    input_tokens,
    output_tokens,
    total_tokens,
    cache_read_tokens,
    cache_write_tokens,
    reasoning_tokens,
    cost,
    unpriced_requests,
  };
}

/**
 * The rows of an answer in the form of {@link sumsBy}.
 * @throws Error when two rows have the same name
 */
export function rowsBy<Row extends WireSums>(rows: readonly Row[], nameOf: (row: Row) => string) {
  const named = new Map(rows.map((row) => [nameOf(row), pickSums(row)]).sort() as [string, WireSums][]);
  if (named.size !== rows.length) throw new Error('two groups have the same name');
  return named;
}
