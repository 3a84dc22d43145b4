import { type AttoUsd, formatMoney, MONEY_SCALE, parseMoney } from '../../../platform/money.ts';
import type { Budget } from '../../budgets/budget.ts';
import type { BudgetList } from '../../budgets/budget-directory.ts';
import { type CounterKey, matchBudgets } from '../../budgets/match-budgets.ts';
import type { UsageRow } from '../event/usage-event.ts';
import { addExact, type SumCount } from './roll-up-rows.ts';

/** What a batch adds to one budget counter. */
export interface CounterDelta {
  organizationId: string;
  key: CounterKey;
  /** How many rows. */
  events: number;
  /** In the budget's unit, as an integer of 10^-18. */
  spentAtto: bigint;
  matched: number;
}

/** Which budget counters a batch counts for, and by how much. */
export interface CounterPlan {
  /** In the order of the organizations given. */
  versions: number[];
  /** By event: which set of counters it counts for; 0 = none. */
  setNumbers: number[];
  /** What the sets are; counters by their place, from 1. */
  pairs: { set: number; counter: number }[];
  counters: CounterDelta[];
}

const NO_BUDGETS = -1;
const ONE_ATTO = 10n ** BigInt(MONEY_SCALE);
const SECOND_MS = 1_000;
const FULL_PERCENT = 100;
const alarms = new WeakMap<Budget, string>();

/**
 * The lowest amount of a counter at which one of the budget's thresholds can be crossed, as a
 * decimal string.
 */
export function lowestThresholdAmount(budget: Budget): string {
  let alarm = alarms.get(budget);
  if (alarm === undefined) {
    const lowest = Math.min(FULL_PERCENT, ...budget.thresholds);
    alarm = formatMoney(((parseMoney(budget.amount) ?? 0n) * BigInt(lowest)) / BigInt(FULL_PERCENT));
    alarms.set(budget, alarm);
  }
  return alarm;
}

/** Events alike in all that budgets look at: they count for the same counters. */
interface CounterSet {
  keys: CounterKey[];
  organizationId: string;
  /** 0: it has no counters. */
  number: number;
  events: number;
  costAtto: AttoUsd;
  tokens: SumCount;
  requests: number;
}

/** All that a budget can look at. Periods begin at whole seconds in every zone. */
function setKey({ event, seriesId, tagsText }: UsageRow): string {
  const second = Math.floor(event.timeMs / SECOND_MS);
  return `${seriesId} ${second} ${event.userId === null ? '' : JSON.stringify(event.userId)}${tagsText ?? ''}`;
}

function isEmpty(list: BudgetList | undefined): boolean {
  if (list === undefined) return true;
  const { index } = list;
  return index.everywhere.length === 0 && index.byKey.size === 0;
}

/** Adds up the sets by counter. */
function addUpSets(plan: CounterPlan, sets: Iterable<CounterSet>): void {
  const places = new Map<string, number>();
  for (const { number, keys, organizationId, events, costAtto, tokens, requests } of sets) {
    for (const key of keys) {
      const name = `${key.budget.id}${key.startMs}/${key.subject}`;
      let place = places.get(name);
      if (place === undefined) {
        place = plan.counters.push({ organizationId, key, events: 0, spentAtto: 0n, matched: 0 });
        places.set(name, place);
      }
      plan.pairs.push({ set: number, counter: place });
      const counter = plan.counters[place - 1] as CounterDelta;
      counter.events += events;
      counter.spentAtto += key.budget.unit === 'usd' ? costAtto : BigInt(tokens) * ONE_ATTO;
      counter.matched += requests;
    }
  }
}

/**
 * Matches a batch against the budgets of its organizations, and adds up what each counter grows
 * by. Events alike in all that budgets look at are matched once.
 */
export function matchCounters(
  lists: Pick<ReadonlyMap<string, BudgetList>, 'get'>,
  organizationIds: readonly string[],
  rows: readonly UsageRow[],
): CounterPlan {
  const plan: CounterPlan = {
    versions: organizationIds.map((id) => lists.get(id)?.version ?? NO_BUDGETS),
    setNumbers: [],
    pairs: [],
    counters: [],
  };
  if (organizationIds.every((id) => isEmpty(lists.get(id)))) return plan;
  const sets = new Map<string, CounterSet>();
  let count = 0;
  for (const row of rows) {
    const { event, costAtto } = row;
    const { organizationId } = event;
    const list = lists.get(organizationId);
    const name = setKey(row);
    let set = sets.get(name);
    if (set === undefined) {
      const keys = list ? matchBudgets(list.index, event) : [];
      const number = keys.length === 0 ? 0 : ++count;
      set = { keys, organizationId, number, events: 0, costAtto: 0n, tokens: 0, requests: 0 };
      sets.set(name, set);
    }
    set.events++;
    set.costAtto += costAtto ?? 0n;
    set.tokens = addExact(set.tokens, addExact(event.inputTokens, event.outputTokens));
    set.requests += event.requests;
    plan.setNumbers.push(set.number);
  }
  addUpSets(plan, sets.values());
  return plan;
}
