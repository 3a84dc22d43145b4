import { decimalOf } from '../harness/ledger.ts';
import { periodOf } from '../pure/calendar-oracle.ts';
import type { Command } from './budgets-commands.ts';
import {
  availableOf,
  currentCounters,
  endRaises,
  hasDueRaise,
  limitOf,
  standingOf,
  turnOver,
  type World,
  type Write,
  wire,
  write,
} from './budgets-oracle.ts';

// Requests that ran at once must have had an effect as if they had run one after the other, in some
// order: the search for that order. Usage that one server was sent at once may have shared a
// transaction.

/** A request that was answered. */
export interface Answered {
  command: Command;
  /** Which server it went to. */
  server: number;
  answer: Parameters<Command['view']>[0];
}

/** A plain text that is equal for equal values. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part) => {
    if (typeof part === 'bigint') return `${part}n`;
    if (part instanceof Map) return [...part].sort();
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function* orders<T>(items: readonly T[]): Generator<T[]> {
  if (items.length <= 1) yield [...items];
  for (const [i, first] of items.entries()) {
    if (items.length <= 1) return;
    for (const rest of orders(items.filter((_, at) => at !== i))) yield [first, ...rest];
  }
}

const mayShare = (a: Answered, b: Answered) =>
  a.server === b.server && a.command.kind === 'write' && b.command.kind === 'write';

/** All ways to cut a sequence into transactions. */
function* cuts(sequence: readonly Answered[]): Generator<Answered[][]> {
  const [first, ...rest] = sequence;
  if (!first) {
    yield [];
    return;
  }
  for (const tail of cuts(rest)) {
    yield [[first], ...tail];
    const [next, ...others] = tail;
    if (next?.every((one) => mayShare(first, one))) yield [[first, ...next], ...others];
  }
}

/** Runs one transaction. @returns whether its answers are the oracle's */
function runTransaction(world: World, block: readonly Answered[], differences: string[]): boolean {
  const isSame = ({ command, answer }: Answered, expected: unknown) => {
    const [mine, theirs] = [canonical(expected), canonical(command.view(answer))];
    if (mine !== theirs) differences.push(`answered ${theirs}\nexpected ${mine}`);
    return mine === theirs;
  };
  const writes: Write[] = [];
  for (const one of block) {
    const { command, answer } = one;
    if (command.kind === 'single') return isSame(one, command.run(world, answer));
    const planned = command.plan(world, writes, answer);
    if (!isSame(one, planned.expected)) return false;
    writes.push(...planned.writes);
  }
  write(world, writes);
  return true;
}

/**
 * What the doors must show of a world. Changes it: to look at the credits turns over what has
 * expired.
 */
export function observe(world: World) {
  endRaises(world);
  turnOver(world);
  const { granted, used, expired, isPrepaid } = world.credits;
  const available = availableOf(world);
  const credits = {
    mode: isPrepaid ? 'prepaid' : 'none',
    granted: decimalOf(granted),
    used: decimalOf(used),
    expired: decimalOf(expired),
    held: decimalOf(granted - used - expired - available),
    available: decimalOf(available),
  };
  const budgets = world.budgets.map((budget) => {
    const span = periodOf(world.nowMs, budget.period, budget.zone);
    const counters = currentCounters(world, budget)
      .map((counter) => ({ subject: counter.subject, ...standingOf(world, counter) }))
      .filter(({ spent, held, matched }) => spent !== 0n || held !== 0n || matched !== 0)
      .map(({ subject, spent, held, remaining, matched }) => {
        const [s, h, r] = [spent, held, remaining].map((value) => wire(budget, value));
        return canonical([budget.per === null ? null : subject, s, h, r, matched]);
      });
    return {
      id: budget.id,
      limit: wire(budget, limitOf(budget, world.nowMs)),
      period: [span.startMs, span.endMs],
      counters: counters.sort(),
    };
  });
  const told = world.told.map(canonical).sort();
  return { credits, budgets: budgets.sort((a, b) => (a.id < b.id ? -1 : 1)), told };
}

/**
 * The worlds that the answers and what is seen afterwards can have come from.
 * @throws Error with what differs where there is none
 */
export function explain(worlds: readonly World[], group: readonly Answered[], seen: unknown): World[] {
  const found = new Map<string, World>();
  const differences: string[] = [];
  const seenText = canonical(seen);
  for (const start of worlds) {
    for (const sequence of orders(group)) {
      for (const blocks of cuts(sequence)) {
        // The job may tell the end of a raise before any of them.
        const places = hasDueRaise(start) ? blocks.map((_, at) => at) : [];
        for (const place of [null, ...places]) {
          const world = structuredClone({ ...start, told: [] });
          const isPossible = blocks.every((block, at) => {
            if (at === place) endRaises(world);
            return runTransaction(world, block, differences);
          });
          if (!isPossible) continue;
          const expected = canonical(observe(world));
          if (expected === seenText) found.set(canonical(world), world);
          else differences.push(`seen     ${seenText}\nexpected ${expected}`);
        }
      }
    }
  }
  if (found.size > 0) return [...found.values()];
  throw new Error(`No order of the requests explains what happened:\n${differences.slice(0, 3).join('\n\n')}`);
}
