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
  | (Sent & { kind: 'read' });

export interface Script {
  bodies: Body[];
  steps: Request[][];
}

export const IDS = 14;
const BODIES = 7;
const UNHEARD_OF = { provider: 'nobody', model: 'unheard-of' };
const MODELS = [...Object.entries(PRICES).map(([model, { provider }]) => ({ provider, model })), UNHEARD_OF];
const HOUR_MS = 3_600_000;
/** Where the clocks of all servers stand. */
export const NOW_MS = Date.parse('2026-11-22T10:00:00Z');
/** The clock change of St. John's, the end of a month and of a week, of UTC days, and now. */
const MOMENTS = ['2026-11-01T04:30:00Z', '2026-10-31T23:59:59.999Z', '2026-11-16T00:00:00Z', '2026-11-22T10:00:00Z'];
const LATEST_MS = NOW_MS + 5 * 60_000;

const timestamp = fc
  .tuple(fc.constantFrom(...MOMENTS), fc.integer({ min: -3 * HOUR_MS, max: 3 * HOUR_MS }))
  .map(([moment, offset]) => new Date(Math.min(LATEST_MS, Date.parse(moment) + offset)).toISOString());

const body: fc.Arbitrary<Body> = fc
  .record({
    kind: fc.constantFrom(...MODELS),
    input: fc.integer({ min: 0, max: 2_000_000 }),
    output: fc.integer({ min: 0, max: 100_000 }),
    parts: fc.tuple(fc.nat(100), fc.nat(100), fc.nat(100)),
    timestamp: fc.option(timestamp, { freq: 5 }),
    team: fc.constantFrom<(TeamName | null)[]>(null, 'a', 'b'),
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
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('read' as const), ...sent }) },
);

export const script: fc.Arbitrary<Script> = fc.record({
  bodies: fc.array(body, { minLength: BODIES, maxLength: BODIES }),
  steps: fc.array(fc.array(request, { minLength: 1, maxLength: 7 }), { minLength: 2, maxLength: 9 }),
});
