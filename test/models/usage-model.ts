import fc from 'fast-check';
import { PRICES } from '../harness/ledger.ts';

// What the model test does: bodies of events, and steps of requests that go out at the same time.

export const SERVERS = 2;
export const KEYS = ['admin', 'second', 'bound'] as const;
export type KeyName = (typeof KEYS)[number];
/** Teams by name; the key `bound` is bound to `b`. */
export const TEAMS = ['a', 'b'] as const;
export type TeamName = (typeof TEAMS)[number];

/** An event as a caller gives it. Two bodies are the same when their JSON is. */
export interface Body {
  provider: string;
  model: string;
  input: number;
  output: number;
  cacheRead: number;
  cacheWrite: number;
  reasoning: number;
  timestamp: string | null;
  team: TeamName | null;
  userId: string | null;
  tags: Record<string, string>;
  cost: string | null;
}

/**
 * The response id of an event id: some event ids share one, the others have none. So what shares one
 * has other ids and other bodies.
 */
export function responseIdOf(id: number): string | null {
  return id < IDS / 2 ? `chatcmpl-${id % RESPONSES}` : null;
}

/** One event of a request. `id` is a number: many attempts share it. */
export interface Attempt {
  id: number;
  /** Which of the run's bodies. */
  body: number;
}

export const WAYS = ['rest', 'graphql', 'batch', 'lines', 'graphqlBatch'] as const;
interface Sent {
  server: number;
  key: KeyName;
}
export type Request =
  | (Sent & { kind: 'record'; way: (typeof WAYS)[number]; attempts: Attempt[] })
  | (Sent & { kind: 'void'; id: number })
  | { kind: 'fold' }
  | { kind: 'price' }
  | (Sent & { kind: 'read' });

export interface Script {
  bodies: Body[];
  steps: Request[][];
}

export const IDS = 24;
/** Response ids, each of three event ids. */
const RESPONSES = 4;
/** So many bodies of their own, and so many that differ from one of these in one thing. */
const BASES = 4;
const VARIANTS = 5;
const BODIES = BASES + VARIANTS;
const UNHEARD_OF = { provider: 'nobody', model: 'unheard-of' };
const MODELS = [...Object.entries(PRICES).map(([model, { provider }]) => ({ provider, model })), UNHEARD_OF];
const HOUR_MS = 3_600_000;
/** Where the clocks of all servers stand. */
export const NOW_MS = Date.parse('2026-11-22T10:00:00Z');
/** The clock change of St. John's, the end of a month and of a week, of UTC days, and now. */
const MOMENTS = ['2026-11-01T04:30:00Z', '2026-10-31T23:59:59.999Z', '2026-11-16T00:00:00Z', '2026-11-22T10:00:00Z'];
const LATEST_MS = NOW_MS + 5 * 60_000;

/** Mostly the same few, so that events meet in a bucket. */
const anyTimestamp = fc
  .tuple(fc.constantFrom(...MOMENTS), fc.integer({ min: -3 * HOUR_MS, max: 3 * HOUR_MS }))
  .map(([moment, offset]) => new Date(Math.min(LATEST_MS, Date.parse(moment) + offset)).toISOString());
const timestamp = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...MOMENTS) },
  { weight: 2, arbitrary: anyTimestamp },
);

const body: fc.Arbitrary<Body> = fc
  .record({
    kind: fc.constantFrom(...MODELS, UNHEARD_OF),
    input: fc.integer({ min: 0, max: 2_000_000 }),
    output: fc.integer({ min: 0, max: 100_000 }),
    parts: fc.tuple(fc.nat(100), fc.nat(100), fc.nat(100)),
    timestamp: fc.option(timestamp, { freq: 3 }),
    team: fc.constantFrom<(TeamName | null)[]>(null, null, null, 'a', 'b'),
    userId: fc.constantFrom('u-1', 'u-2', 'ü “3”', null),
    tags: fc.constantFrom<Record<string, string>[]>({}, { env: 'prod' }, { env: 'test', 'a b': '"' }),
    cost: fc.option(fc.constantFrom('0', '0.000000000000000001', '12345678.9', '0.1'), { freq: 4, nil: null }),
    isBad: fc.constantFrom(false, false, false, false, false, false, true),
  })
  .map(({ kind, input, output, parts: [read, write, reasoning], isBad, ...rest }) => ({
    ...kind,
    input,
    output,
    cacheRead: isBad ? input + 1 : Math.floor((input * read) / 300),
    cacheWrite: Math.floor((input * write) / 300),
    reasoning: Math.floor((output * reasoning) / 100),
    ...rest,
  }));

/**
 * The first bodies, and others that differ from them in one thing each: which of them are the same
 * is told by all.
 */
const bodies: fc.Arbitrary<Body[]> = fc
  .tuple(
    fc.array(body, { minLength: BASES, maxLength: BASES }),
    fc.array(fc.tuple(fc.nat(BASES - 1), body, fc.nat(50)), { minLength: VARIANTS, maxLength: VARIANTS }),
  )
  .map(([bases, variants]) => [
    ...bases,
    ...variants.map(([base, other, field]) => {
      const names = Object.keys(other) as (keyof Body)[];
      const name = names[field % names.length] as keyof Body;
      // A model goes with its provider.
      const model = name === 'provider' || name === 'model' ? { provider: other.provider, model: other.model } : {};
      return { ...(bases[base] as Body), [name]: other[name], ...model };
    }),
  ]);

/** Mostly the body that belongs to the id, so that repeats are many and conflicts some. */
const attempt = fc
  .tuple(fc.nat(IDS - 1), fc.option(fc.nat(BODIES - 1), { freq: 6, nil: null }))
  .map(([id, other]): Attempt => ({ id, body: other ?? id % BODIES }));
const sent = { server: fc.nat(SERVERS - 1), key: fc.constantFrom<KeyName[]>('admin', 'admin', 'second', 'bound') };

const request: fc.Arbitrary<Request> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('record' as const),
      way: fc.constantFrom('rest' as const, 'graphql' as const),
      attempts: fc.tuple(attempt),
      ...sent,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('record' as const),
      way: fc.constantFrom('batch' as const, 'lines' as const, 'graphqlBatch' as const),
      attempts: fc.array(attempt, { minLength: 1, maxLength: 8 }),
      ...sent,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('void' as const), id: fc.nat(IDS - 1), ...sent }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fold' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('price' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('read' as const), ...sent }) },
);

export const script: fc.Arbitrary<Script> = fc.record({
  bodies,
  // Alone as often as with others: a lone event takes a way of its own.
  steps: fc.array(fc.oneof(fc.tuple(request), fc.array(request, { minLength: 2, maxLength: 7 })), {
    minLength: 3,
    maxLength: 14,
  }),
});
