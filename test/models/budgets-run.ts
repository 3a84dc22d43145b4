import type pg from 'pg';
import { type Amount, type BudgetAnswer, type EventAnswer, readAll } from '../doors/budget-answers.ts';
import type { Calls } from '../harness/calls.ts';
import { makeKey, makeOrganization, makeTeam } from '../harness/make.ts';
import { type Answered, canonical, explain } from './budgets-explain.ts';
import type { World } from './budgets-oracle.ts';
import { commandOf, commandOfRule, type Names, type run, type Value } from './budgets-steps.ts';
import { newCredits } from './credits-oracle.ts';

/** Two servers on one database and one clock. */
export interface Pair {
  sql: pg.Pool;
  servers: readonly Calls[];
  setNow(timeMs: number): Promise<void>;
}

type Run = Value<typeof run>;

interface CreditsAnswer {
  granted: string;
  used: string;
  expired: string;
  held: string;
  available: string;
}

/** What the doors show of an organization, in the words of the oracle. */
async function look(calls: Calls, key: string, seenEvents: Set<string>) {
  const { granted, used, expired, held, available, ...rest } = await calls.ok<CreditsAnswer & { mode: string }>(
    'GET',
    '/v1/credits',
    { key },
  );
  const budgets = (await readAll<BudgetAnswer>(calls, '/v1/budgets', key)).map((budget) => {
    const rows = budget.subjects.length > 0 ? budget.subjects : [budget];
    const isUsed = (value: Amount | number) => value !== 0 && value !== '0';
    return {
      id: budget.id,
      limit: budget.limit,
      period: [Date.parse(budget.period_start), Date.parse(budget.period_end)],
      counters: rows
        .filter((row) => isUsed(row.spent) || isUsed(row.held) || isUsed(row.matched_events))
        .map((row) => canonical([row.subject, row.spent, row.held, row.remaining, row.matched_events]))
        .sort(),
    };
  });
  const { data } = await calls.ok<{ data: EventAnswer<object>[] }>('GET', '/v1/events?limit=100', { key });
  const fresh = data.filter(({ id }) => !seenEvents.has(id));
  for (const { id } of fresh) seenEvents.add(id);
  // Models without a price are told beside what budgets and credits tell.
  const told = fresh
    .filter(({ event }) => event !== 'usage.unpriced')
    .map(({ event, created_at, data: of }) => canonical({ event, created_at, data: of }))
    .sort();
  return {
    credits: { ...rest, granted, used, expired, held, available },
    budgets: budgets.sort((a, b) => (a.id < b.id ? -1 : 1)),
    told,
  };
}

/**
 * Runs a random sequence in an organization of its own. @throws Error when the servers and the
 * oracle disagree
 */
export async function play({ sql, servers, setNow }: Pair, given: Run): Promise<void> {
  const [zone, moment] = given.moment;
  let nowMs = Date.parse(moment) + given.offsetMs;
  await setNow(nowMs);
  const organization = await makeOrganization({ sql }, { credits: given.isPrepaid ? 'prepaid' : 'none' });
  const teams = [await makeTeam({ sql }, organization), await makeTeam({ sql }, organization)];
  const keys = [organization.key, await makeKey({ sql }, organization, { scopes: ['admin'] })];
  const names: Names = { zone, teams: teams.map(({ id }) => id), keys, sent: [], organization: organization.id };
  const credits = newCredits(given.isPrepaid);
  const first: World = {
    nowMs,
    usage: [],
    budgets: [],
    holds: [],
    crossings: new Map(),
    credits,
    charged: [],
    told: [],
  };
  let worlds = [first];
  const seenEvents = new Set<string>();
  const serverOf = (n: number) => servers[n % servers.length] as Calls;

  async function play(acts: { command: Answered['command'] | null; server: number }[], turn: number) {
    const group = await Promise.all(
      acts.flatMap(({ command, server }) =>
        command ? [command.send(serverOf(server)).then((answer): Answered => ({ command, server, answer }))] : [],
      ),
    );
    const seen = await look(serverOf(turn), organization.key.secret, seenEvents);
    worlds = explain(worlds, group, seen);
  }

  const world = () => worlds[0] as World;
  for (const [i, rule] of given.rules.entries()) {
    await play([{ command: commandOfRule(names, world(), rule), server: i }], i);
  }
  for (const [i, { acts, tickMs }] of given.steps.entries()) {
    nowMs += tickMs;
    if (tickMs > 0) await setNow(nowMs);
    for (const one of worlds) one.nowMs = nowMs;
    await play(
      acts.map(({ act, server }) => ({ command: commandOf(names, world(), act), server })),
      i,
    );
  }
}
