import fc from 'fast-check';
import { attoOf, priceOf } from '../harness/ledger.ts';
import type { Period } from '../pure/calendar-oracle.ts';
import {
  type Command,
  changeBudget,
  createBudget,
  deleteBudget,
  grantCredits,
  hold,
  record,
  recordBatch,
  recordRequiring,
  release,
  type SentUsage,
  setCredits,
  voidUsage,
} from './budgets-commands.ts';
import type { Attributes, Budget, Tags, World } from './budgets-oracle.ts';

// What a random run is made of. Steps name what they act on by its place; it is looked up when they
// run.

/** What an arbitrary makes. */
export type Value<A> = A extends fc.Arbitrary<infer T> ? T : never;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Moments when clocks change, months and years end, in zones with their own ideas of midnight. */
export const MOMENTS: [zone: string, moment: string][] = [
  ['UTC', '2026-03-31T23:59:59.999Z'],
  ['America/New_York', '2026-03-08T07:00:00.000Z'],
  ['America/New_York', '2026-11-01T06:00:00.000Z'],
  ['Asia/Kolkata', '2026-09-30T18:30:00.000Z'],
  ['Australia/Lord_Howe', '2026-04-04T15:00:00.000Z'],
  ['Australia/Lord_Howe', '2026-10-03T15:30:00.000Z'],
  // At midnight: a day that begins at one o'clock, and a last hour that comes twice.
  ['Africa/Cairo', '2026-04-23T22:00:00.000Z'],
  ['Africa/Cairo', '2026-10-29T21:00:00.000Z'],
  ['Asia/Beirut', '2026-03-28T22:00:00.000Z'],
  ['America/Havana', '2026-11-01T05:00:00.000Z'],
  ['Pacific/Chatham', '2026-09-26T14:00:00.000Z'],
  ['Pacific/Auckland', '2026-12-31T11:00:00.000Z'],
];
const ZONES = [...new Set(MOMENTS.map(([zone]) => zone))];
const PERIODS: Period[] = ['day', 'week', 'month', 'total', 'quarter', 'year'];

const index = fc.nat({ max: 30 });
const cost = fc.constantFrom('0', '0.01', '0.5', '1', '2.5', '3.333333333333333333', '0.000000000000000001', '12');
const tokens = fc.nat({ max: 60 });
const optional = <T>(values: T[]) => fc.constantFrom(null, ...values);

const attributes = fc.record({
  model: fc.constantFrom('gpt-4o', 'gpt-4o', 'claude-3-5-haiku-latest', 'unheard-of'),
  team: optional([0, 1]),
  user: optional(['a', 'b']),
  env: optional(['prod', 'dev', '']),
  key: fc.nat({ max: 1 }),
});
const PROVIDERS: Record<string, string> = { 'gpt-4o': 'openai', 'claude-3-5-haiku-latest': 'anthropic' };

const usage = fc.record({
  attributes,
  input: tokens,
  output: tokens,
  cost: fc.option(cost, { freq: 4 }),
  /** From the clock. */
  offsetMs: fc.constantFrom(0, 0, 0, 0, 4 * MINUTE_MS, -HOUR_MS, -DAY_MS, -8 * DAY_MS, -40 * DAY_MS),
  holdId: fc.option(index, { freq: 2, nil: null }),
});

const limit = fc.constantFrom('1', '5', '10', '20.000000000000000001', '0.5');
const thresholds = fc.constantFrom<(number[] | undefined)[]>(
  undefined,
  [],
  [1, 50, 100],
  [33, 66, 99],
  [100, 150, 200],
  [80],
);
const raise = fc.record({
  amount: fc.constantFrom('5', '100'),
  forMs: fc.constantFrom(MINUTE_MS, HOUR_MS, 3 * DAY_MS),
});

const rule = fc.record({
  tokens: fc.boolean(),
  limit,
  period: fc.constantFrom(...PERIODS),
  zone: fc.constantFrom(null, ...ZONES),
  scope: fc.record(
    {
      team: fc.nat({ max: 1 }),
      user: fc.constantFrom('a', 'b'),
      model: fc.constantFrom('gpt-4o', 'unheard-of'),
      provider: fc.constantFrom('openai', 'anthropic'),
      key: fc.nat({ max: 1 }),
      tags: fc.constantFrom<Tags[]>({ env: 'prod' }, { env: 'dev' }, { env: 'prod', 'env=': 'x' }),
    },
    { requiredKeys: [] },
  ),
  hasScope: fc.boolean(),
  per: fc.constantFrom(null, null, 'team', 'user', 'api_key', 'tag:env', 'tag:constructor'),
  thresholds,
  isBlocking: fc.boolean(),
  raise: fc.option(raise, { freq: 5 }),
});

const act = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('record' as const), usage, mustPay: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('batch' as const), usages: fc.array(usage, { maxLength: 6 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('repeat' as const), which: index }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('void' as const), which: index }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('hold' as const),
      attributes,
      input: tokens,
      output: tokens,
      amount: fc.option(fc.constantFrom('0.01', '1', '2.5', '5'), { freq: 3 }),
      seconds: fc.constantFrom(1, 60, 300, 3_600),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('release' as const), which: index }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('create' as const), rule }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('change' as const),
      which: index,
      limit: fc.option(limit),
      thresholds,
      isBlocking: fc.option(fc.boolean()),
      raise: fc.option(fc.option(raise)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), which: index }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('credits' as const), isPrepaid: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('grant' as const),
      amount: fc.constantFrom('5', '20', '0.000000000000000007'),
      expiresMs: optional([MINUTE_MS, HOUR_MS, 2 * DAY_MS, 40 * DAY_MS]),
      priority: fc.integer({ min: -1, max: 1 }),
    }),
  },
);
type Act = Value<typeof act>;

/** Acts that are sent at once, each to one of the servers; or the clock goes on. */
const group = fc.oneof(
  { weight: 5, arbitrary: fc.array(fc.record({ act, server: fc.nat({ max: 1 }) }), { minLength: 1, maxLength: 1 }) },
  { weight: 3, arbitrary: fc.array(fc.record({ act, server: fc.nat({ max: 1 }) }), { minLength: 2, maxLength: 4 }) },
);
const tick = fc.constantFrom(1, 1_000, 61_000, HOUR_MS, 5 * HOUR_MS, DAY_MS, 7 * DAY_MS, 33 * DAY_MS);
const step = fc.oneof(
  { weight: 5, arbitrary: group.map((acts) => ({ acts, tickMs: 0 })) },
  { weight: 2, arbitrary: tick.map((tickMs) => ({ acts: [], tickMs })) },
);

export const run = fc.record({
  isPrepaid: fc.boolean(),
  moment: fc.constantFrom(...MOMENTS),
  offsetMs: fc.oneof(fc.integer({ min: -3 * HOUR_MS, max: HOUR_MS }), fc.integer({ min: -3 * DAY_MS, max: DAY_MS })),
  // So that there is something to count for from the start.
  rules: fc.array(rule, { minLength: 1, maxLength: 3 }),
  steps: fc.array(step, { minLength: 4, maxLength: 14 }),
});

/** The names of a run's things. */
export interface Names {
  zone: string;
  teams: string[];
  keys: { id: string; secret: string }[];
  organization: string;
  /** All that was sent, to be sent again. */
  sent: { usage: SentUsage; key: string; mustPay: boolean }[];
}

const at = <T>(list: readonly T[], place: number): T | undefined => list[place % Math.max(1, list.length)];
const teamOf = (names: Names, place: number | null) => (place === null ? null : (names.teams[place] ?? null));

function attributesOf(names: Names, given: Value<typeof attributes>): Attributes {
  const { model, team, user, env, key } = given;
  const provider = PROVIDERS[model] ?? 'nobody';
  const tags: Record<string, string> = env === null ? {} : { env, 'env=': 'x' };
  return { provider, model, team: teamOf(names, team), user, tags, key: names.keys[key]?.id ?? '' };
}

function priceFor(model: string, input: number, output: number, given: string | null): bigint | null {
  if (given !== null) return attoOf(given);
  return priceOf(model, { input, output, cacheRead: 0, cacheWrite: 0, reasoning: 0 });
}

function sentUsage(names: Names, world: World, given: Value<typeof usage>): SentUsage {
  const { input, output, cost: own, offsetMs } = given;
  const of = attributesOf(names, given.attributes);
  const holdId = given.holdId === null ? null : (at(world.holds, given.holdId)?.id ?? null);
  const eventId = `event-${names.sent.length}`;
  const price = priceFor(of.model, input, output, own);
  return { ...of, eventId, timeMs: world.nowMs + offsetMs, input, output, cost: own, price, holdId };
}

function amountOf(isTokens: boolean, text: string): { body: object; value: bigint } {
  const whole = BigInt(Math.ceil(Number(text) * 40));
  return isTokens ? { body: { tokens: Number(whole) }, value: whole } : { body: { amount: text }, value: attoOf(text) };
}

function raiseOf(isTokens: boolean, nowMs: number, given: Value<typeof raise>) {
  const untilMs = nowMs + given.forMs;
  const body = { raise_amount: given.amount, raise_until: new Date(untilMs).toISOString() };
  return { body, raise: { amount: isTokens ? BigInt(given.amount) : attoOf(given.amount), untilMs, isOver: false } };
}

export function commandOfRule(names: Names, world: World, given: Value<typeof rule>): Command {
  const { team, key, tags, ...words } = given.hasScope ? given.scope : {};
  const scope: Budget['scope'] = { ...words, ...(tags ? { tags } : {}) };
  if (team !== undefined) scope.team = teamOf(names, team);
  if (key !== undefined) scope.key = names.keys[key]?.id ?? '';
  const zone = given.zone ?? names.zone;
  const { body: amountBody, value: amount } = amountOf(given.tokens, given.limit);
  const raised = given.raise && raiseOf(given.tokens, world.nowMs, given.raise);
  const body = {
    ...amountBody,
    ...raised?.body,
    period: given.period,
    timezone: zone,
    scope: { ...words, tags, team_id: scope.team, user_id: words.user, user: undefined, api_key_id: scope.key },
    per: given.per,
    thresholds: given.thresholds,
    action: given.isBlocking ? 'block' : 'alert',
  };
  const made: Omit<Budget, 'id'> = {
    unit: given.tokens ? 'tokens' : 'usd',
    amount,
    raise: raised?.raise ?? null,
    period: given.period,
    zone,
    scope,
    per: given.per,
    thresholds: given.thresholds ?? [50, 80, 100],
    isBlocking: given.isBlocking,
  };
  return createBudget(body, made, names.keys[0]?.secret ?? '');
}

function commandOfChange(world: World, given: Extract<Act, { do: 'change' }>, key: string): Command | null {
  const budget = at(world.budgets, given.which);
  if (!budget) return null;
  const isTokens = budget.unit === 'tokens';
  const change: Partial<Budget> = {};
  const body: Record<string, unknown> = { thresholds: given.thresholds };
  if (given.thresholds) change.thresholds = given.thresholds;
  if (given.limit) {
    const { body: amountBody, value } = amountOf(isTokens, given.limit);
    Object.assign(body, amountBody);
    change.amount = value;
  }
  if (given.isBlocking !== null) {
    body.action = given.isBlocking ? 'block' : 'alert';
    change.isBlocking = given.isBlocking;
  }
  if (given.raise !== null && given.raise !== undefined) {
    const raised = raiseOf(isTokens, world.nowMs, given.raise);
    Object.assign(body, raised.body);
    change.raise = raised.raise;
  } else if (budget.raise && given.which % 2 === 0) {
    Object.assign(body, { raise_amount: null, raise_until: null });
    change.raise = null;
  }
  return changeBudget(budget.id, body, change, key);
}

/**
 * The request that an act comes to in a world; null where there is nothing that it could act on.
 */
export function commandOf(names: Names, world: World, given: Act): Command | null {
  const admin = names.keys[0]?.secret ?? '';
  if (given.do === 'record') {
    const sent = sentUsage(names, world, given.usage);
    const key = names.keys[given.usage.attributes.key]?.secret ?? '';
    names.sent.push({ usage: sent, key, mustPay: given.mustPay });
    return given.mustPay ? recordRequiring(sent, key) : record(sent, key);
  }
  if (given.do === 'batch') {
    const events = given.usages.map((one) => {
      // A batch is of one key.
      const sent = sentUsage(names, world, { ...one, attributes: { ...one.attributes, key: 0 } });
      names.sent.push({ usage: sent, key: admin, mustPay: false });
      return sent;
    });
    return events.length === 0 ? null : recordBatch([...events, ...events.slice(0, 1)], admin);
  }
  if (given.do === 'repeat') {
    const again = at(names.sent, given.which);
    if (!again) return null;
    return again.mustPay ? recordRequiring(again.usage, again.key) : record(again.usage, again.key);
  }
  if (given.do === 'void') {
    const one = at(
      world.usage.filter(({ sign }) => sign === 1n),
      given.which,
    );
    return one ? voidUsage(one.id, admin) : null;
  }
  if (given.do === 'hold') {
    const of = attributesOf(names, given.attributes);
    const { input, output, amount, seconds } = given;
    const price = priceFor(of.model, input, output, amount);
    return hold({ ...of, input, output, amount, price, seconds }, names.keys[given.attributes.key]?.secret ?? '');
  }
  if (given.do === 'release') {
    const one = at(world.holds, given.which);
    return one ? release(one.id, admin) : null;
  }
  if (given.do === 'create') return commandOfRule(names, world, given.rule);
  if (given.do === 'change') return commandOfChange(world, given, admin);
  if (given.do === 'delete') {
    const budget = at(world.budgets, given.which);
    return budget ? deleteBudget(budget.id, admin) : null;
  }
  if (given.do === 'credits') return setCredits(names.organization, given.isPrepaid);
  const expiresMs = given.expiresMs === null ? Number.POSITIVE_INFINITY : world.nowMs + given.expiresMs;
  return grantCredits(given.amount, expiresMs, given.priority, admin);
}
