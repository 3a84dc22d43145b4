import { decimalOf } from '../harness/ledger.ts';
import { type Period, periodOf, type Span } from '../pure/calendar-oracle.ts';
import { addGrant, balanceOf, type Credits, charge, checkCredits, expireGrants, tell } from './credits-oracle.ts';

// What budgets, holds, credits and events must come to: worked out from the whole ledger again each
// time, with BigInt and Intl. Nothing of src/ is imported. Ids are the wire's; amounts are 10^-18
// USD, or tokens.

export type Tags = Record<string, string>;

/** What budgets look at. */
export interface Attributes {
  provider: string;
  model: string;
  team: string | null;
  user: string | null;
  key: string;
  tags: Tags;
}

export interface Usage extends Attributes {
  id: string;
  eventId: string;
  timeMs: number;
  cost: bigint | null;
  tokens: bigint;
  sign: 1n | -1n;
  /** Of a void: what it reverses. */
  voids: string | null;
}

export interface Budget {
  id: string;
  unit: 'usd' | 'tokens';
  amount: bigint;
  /** `isOver`: what its end uncovers was told. */
  raise: { amount: bigint; untilMs: number; isOver: boolean } | null;
  period: Period;
  zone: string;
  scope: Partial<Attributes>;
  per: string | null;
  thresholds: number[];
  isBlocking: boolean;
}

interface Reservation {
  budgetId: string;
  subject: string;
  startMs: number;
  amount: bigint;
}

export interface Hold {
  id: string;
  status: 'active' | 'released' | 'settled';
  createdMs: number;
  expiresMs: number;
  of: Attributes;
  /** What it reserves in a budget of each unit; null: unknown. */
  wanted: { usd: bigint | null; tokens: bigint };
  /** What it reserves of credits. */
  credits: bigint;
  reservations: Reservation[];
}

export interface World {
  nowMs: number;
  usage: Usage[];
  budgets: Budget[];
  holds: Hold[];
  /**
   * By budget, subject, period and threshold (0: exceeded): how often it was crossed, and whether it
   * has recovered.
   */
  crossings: Map<string, { times: number; hasRecovered: boolean }>;
  credits: Credits;
  /** Ids of the usage that credits were taken for. */
  charged: string[];
  /** What was told since they were last taken. */
  told: { event: string; created_at: string; data: object }[];
}

export interface Counter {
  budget: Budget;
  subject: string;
  span: Span;
}

function fits({ scope }: Budget, one: Attributes): boolean {
  const { tags = {}, ...rest } = scope;
  const words = Object.entries(rest) as [keyof Omit<Attributes, 'tags'>, string | null][];
  return words.every(([part, word]) => one[part] === word) && Object.entries(tags).every(([k, v]) => one.tags[k] === v);
}

/** Null: the budget does not count it. */
function subjectOf({ per }: Budget, one: Attributes): string | null {
  if (per === null) return '';
  if (per.startsWith('tag:')) {
    const key = per.slice('tag:'.length);
    return Object.hasOwn(one.tags, key) ? (one.tags[key] ?? null) : null;
  }
  return per === 'api_key' ? one.key : one[per as 'team' | 'user'];
}

/** The counters that something at a moment counts for. */
export function countersOf(world: World, one: Attributes, timeMs: number): Counter[] {
  return world.budgets.flatMap((budget) => {
    const subject = fits(budget, one) ? subjectOf(budget, one) : null;
    return subject === null ? [] : [{ budget, subject, span: periodOf(timeMs, budget.period, budget.zone) }];
  });
}

export function limitOf({ amount, raise }: Budget, nowMs: number): bigint {
  return amount + (raise && raise.untilMs > nowMs ? raise.amount : 0n);
}

function counted(world: World, { budget, subject, span }: Counter) {
  const events = world.usage.filter(
    (one) =>
      one.timeMs >= span.startMs && one.timeMs < span.endMs && fits(budget, one) && subjectOf(budget, one) === subject,
  );
  const each = (one: Usage) => one.sign * (budget.unit === 'usd' ? (one.cost ?? 0n) : one.tokens);
  return {
    spent: events.reduce((sum, one) => sum + each(one), 0n),
    matched: Number(events.reduce((sum, { sign }) => sum + sign, 0n)),
  };
}

const isLiving = ({ status, expiresMs }: Hold, nowMs: number) => status === 'active' && expiresMs > nowMs;

function heldOf(world: World, { budget, subject, span }: Counter): bigint {
  const reservations = world.holds.filter((hold) => isLiving(hold, world.nowMs)).flatMap((hold) => hold.reservations);
  return reservations
    .filter((one) => one.budgetId === budget.id && one.subject === subject && one.startMs === span.startMs)
    .reduce((sum, { amount }) => sum + amount, 0n);
}

export function standingOf(world: World, counter: Counter) {
  const { spent, matched } = counted(world, counter);
  const limit = limitOf(counter.budget, world.nowMs);
  const held = heldOf(world, counter);
  return { limit, spent, held, remaining: limit - spent - held, matched };
}

/** As the wire has it: text for money, a number for tokens. */
export function wire({ unit }: Pick<Budget, 'unit'>, value: bigint): string | number {
  return unit === 'usd' ? decimalOf(value) : Number(value);
}

const iso = (timeMs: number) => new Date(timeMs).toISOString();

/**
 * Tells what this counter has newly crossed under the limit of this moment, and whether it has
 * recovered.
 */
function tellCrossings(world: World, counter: Counter): void {
  const { budget, subject, span } = counter;
  const { limit, spent } = standingOf(world, counter);
  const data = {
    team_id: budget.scope.team ?? (budget.per === 'team' ? subject : null),
    limit: wire(budget, limit),
    current: wire(budget, spent),
    budget_id: budget.id,
    unit: budget.unit,
    period_start: iso(span.startMs),
    period_end: iso(span.endMs),
    subject: budget.per === null ? null : subject,
  };
  const add = (event: string, crossing: number, more = {}) =>
    world.told.push({ event, created_at: iso(world.nowMs), data: { ...data, crossing, ...more } });
  const nameOf = (threshold: number) => `${budget.id} ${subject} ${span.startMs} ${threshold}`;
  for (const threshold of [...budget.thresholds, 0]) {
    const name = nameOf(threshold);
    const before = world.crossings.get(name);
    const isCrossed = before !== undefined && !before.hasRecovered;
    if (isCrossed || spent * 100n < limit * BigInt(threshold || 100)) continue;
    const times = (before?.times ?? 0) + 1;
    world.crossings.set(name, { times, hasRecovered: false });
    if (threshold === 0) add('usage.exceeded', times);
    else add('budget.threshold_reached', times, { threshold });
  }
  const crossed = world.crossings.get(nameOf(0));
  if (crossed && !crossed.hasRecovered && spent < limit) {
    crossed.hasRecovered = true;
    add('budget.recovered', crossed.times);
  }
}

/** The counters of a budget's present period that anything was counted for. */
export function currentCounters(world: World, budget: Budget): Counter[] {
  const span = periodOf(world.nowMs, budget.period, budget.zone);
  const inSpan = world.usage.filter(({ timeMs }) => timeMs >= span.startMs && timeMs < span.endMs);
  const used = inSpan.map((one) => (fits(budget, one) ? subjectOf(budget, one) : null));
  const held = world.holds
    .flatMap(({ reservations }) => reservations)
    .filter(({ budgetId, startMs }) => budgetId === budget.id && startMs === span.startMs);
  const subjects = new Set([...used, ...held.map(({ subject }) => subject)]);
  return [...subjects].filter((subject) => subject !== null).map((subject) => ({ budget, subject, span }));
}

/** After a budget was made or changed. */
export function tellCurrent(world: World, budget: Budget): void {
  for (const counter of currentCounters(world, budget)) tellCrossings(world, counter);
}

/** Whether a raise has run out whose end was not told yet. */
const isDue = ({ raise }: Budget, nowMs: number) => raise !== null && !raise.isOver && raise.untilMs <= nowMs;
export const hasDueRaise = ({ budgets, nowMs }: World) => budgets.some((budget) => isDue(budget, nowMs));

/**
 * Tells what raises uncover that have run out, of all periods that ended later than they did:
 * whoever reads or changes budgets brings that about, or a job.
 */
export function endRaises(world: World): void {
  for (const budget of world.budgets.filter((one) => isDue(one, world.nowMs))) {
    const { raise } = budget;
    if (!raise) continue;
    raise.isOver = true;
    const counters = new Map<string, Counter>();
    for (const usage of world.usage) {
      const subject = fits(budget, usage) ? subjectOf(budget, usage) : null;
      const span = periodOf(usage.timeMs, budget.period, budget.zone);
      if (subject === null || span.endMs <= raise.untilMs) continue;
      counters.set(`${subject} ${span.startMs}`, { budget, subject, span });
    }
    for (const counter of counters.values()) tellCrossings(world, counter);
  }
}

/** A new budget counts the holds that are open, each in the period that it was made in. */
export function countOpenHolds(world: World, budget: Budget): void {
  for (const hold of world.holds.filter((one) => isLiving(one, world.nowMs))) {
    const subject = fits(budget, hold.of) ? subjectOf(budget, hold.of) : null;
    if (subject === null) continue;
    const { startMs } = periodOf(hold.createdMs, budget.period, budget.zone);
    const amount = hold.wanted[budget.unit] ?? 0n;
    hold.reservations.push({ budgetId: budget.id, subject, startMs, amount });
  }
}

/** Prepaid from now on, or no more: holds that are open reserve credits from the switch on. */
export function switchCredits(world: World, isPrepaid: boolean): void {
  const { credits, nowMs } = world;
  if (credits.isPrepaid === isPrepaid) return;
  credits.isPrepaid = isPrepaid;
  if (!isPrepaid) return;
  for (const hold of world.holds) {
    if (isLiving(hold, nowMs) && hold.credits === 0n) hold.credits = hold.wanted.usd ?? 0n;
  }
  expireGrants(credits, nowMs);
  tellCredits(world);
}

const heldCredits = ({ holds, nowMs }: World) =>
  holds.filter((hold) => isLiving(hold, nowMs)).reduce((sum, { credits }) => sum + credits, 0n);

export const availableOf = (world: World) => balanceOf(world.credits) - heldCredits(world);

function tellCredits(world: World): void {
  const { names, granted } = tell(world.credits, world.nowMs);
  const data = { available: decimalOf(availableOf(world)), granted: decimalOf(granted) };
  for (const event of names) world.told.push({ event, created_at: iso(world.nowMs), data });
  checkCredits(world.credits);
}

/** What has expired leaves the balance: whoever looks at it or spends from it brings that about. */
export function turnOver(world: World): void {
  if (expireGrants(world.credits, world.nowMs)) tellCredits(world);
}

export function grant(world: World, amount: bigint, expiresMs: number, priority: number): void {
  turnOver(world);
  addGrant(world.credits, amount, expiresMs, priority);
  tellCredits(world);
}

export interface Write {
  usage: Usage;
  holdId: string | null;
}

/** One transaction of usage that is new: counters, crossings, settled holds, credits. */
export function write(world: World, writes: readonly Write[]): void {
  if (writes.length > 0) world.usage.push(...writes.map(({ usage }) => usage));
  const touched = new Map<string, Counter>();
  for (const { usage } of writes) {
    for (const counter of countersOf(world, usage, usage.timeMs)) {
      touched.set(`${counter.budget.id} ${counter.subject} ${counter.span.startMs}`, counter);
    }
  }
  for (const counter of touched.values()) tellCrossings(world, counter);
  for (const { holdId } of writes) {
    const hold = world.holds.find(({ id }) => id === holdId);
    if (hold?.status === 'active') hold.status = 'settled';
  }
  const { isPrepaid } = world.credits;
  if (isPrepaid) expireGrants(world.credits, world.nowMs);
  // A void gives back what its event took, whatever the mode is now.
  const paid = writes.filter(({ usage }) =>
    usage.voids === null ? isPrepaid && usage.cost !== 0n && usage.cost !== null : world.charged.includes(usage.voids),
  );
  world.charged.push(...paid.map(({ usage }) => usage.id));
  charge(
    world.credits,
    paid.map(({ usage }) => usage.sign * (usage.cost ?? 0n)),
    world.nowMs,
  );
  if (isPrepaid) tellCredits(world);
}
