import type { BudgetDirectory } from '../budgets/budget-directory.ts';
import { type CounterKey, matchBudgets } from '../budgets/match-budgets.ts';
import type { UsageRow } from './usage-event.ts';

/** Which budget counters a batch counts for: sets of counters, and which set each event has. */
export interface CountingPlan {
  /** In the order of the organizations given. */
  versions: number[];
  /** By event; 0 = no budget counts it. */
  setNumbers: number[];
  pairs: { set: number; organizationId: string; key: CounterKey }[];
}

const NO_BUDGETS = -1;

/**
 * Matches a batch against the budgets that this process knows. Events alike in all that budgets look at share a set,
 * so that the database adds up sets, not events.
 */
export function planCounting(
  directory: BudgetDirectory,
  organizationIds: readonly string[],
  rows: readonly UsageRow[],
): CountingPlan {
  const lists = new Map(organizationIds.map((id) => [id, directory.peek(id)]));
  const plan: CountingPlan = {
    versions: organizationIds.map((id) => lists.get(id)?.version ?? NO_BUDGETS),
    setNumbers: [],
    pairs: [],
  };
  const sets = new Map<string, number>();
  let count = 0;
  for (const { event } of rows) {
    const index = lists.get(event.organizationId)?.index;
    if (!index || (index.everywhere.length === 0 && index.byKey.size === 0)) {
      plan.setNumbers.push(0);
      continue;
    }
    const keys = matchBudgets(index, event);
    const name = keys.map(({ budget, subject, startMs }) => `${budget.id}${startMs}/${subject}`).join('\0');
    let set = keys.length === 0 ? 0 : sets.get(name);
    if (set === undefined) {
      set = ++count;
      sets.set(name, set);
      for (const key of keys) plan.pairs.push({ set, organizationId: event.organizationId, key });
    }
    plan.setNumbers.push(set);
  }
  return plan;
}
