import { spanAt, type TimeSpan } from '../../platform/calendar.ts';
import type { Tags } from '../input/read-tags.ts';
import { ALL_TIME, type Budget } from './budget.ts';

/** What of an event decides which budgets count it. Ids are UUIDs. */
export interface BudgetedUsage {
  teamId: string | null;
  userId: string | null;
  provider: string;
  model: string;
  apiKeyId: string;
  tags: Tags;
  timeMs: number;
}

/** One counter that an event counts for. */
export interface CounterKey extends TimeSpan {
  budget: Budget;
  /** Empty where the budget counts all together. */
  subject: string;
}

interface Rule {
  budget: Budget;
  tags: [string, string][];
  tagKey: string | null;
  /**
   * The period seen last: events come in the order of time, so it is nearly always the one asked
   * for.
   */
  lastSpan: TimeSpan;
}

/**
 * Budgets by the part of their scope that rules most events out, so that an event meets few that do
 * not count it.
 */
export interface BudgetIndex {
  everywhere: Rule[];
  byKey: Map<string, Rule[]>;
}

const TAG_PREFIX = 'tag:';
const NO_SPAN: TimeSpan = { startMs: 0, endMs: 0 };

/** NUL is in no tag: no two tags share a key. */
function tagIndexKey(key: string, value: string): string {
  return `g${key}\0${value}`;
}

function indexKey({ scope }: Budget): string | null {
  if (scope.userId !== null) return `u${scope.userId}`;
  if (scope.apiKeyId !== null) return `k${scope.apiKeyId}`;
  if (scope.teamId !== null) return `t${scope.teamId}`;
  const [tag] = Object.entries(scope.tags ?? {});
  if (tag) return tagIndexKey(...tag);
  if (scope.model !== null) return `m${scope.model}`;
  return scope.provider === null ? null : `p${scope.provider}`;
}

/** Makes budgets ready to be matched. */
export function indexBudgets(budgets: readonly Budget[]): BudgetIndex {
  const index: BudgetIndex = { everywhere: [], byKey: new Map() };
  for (const budget of budgets) {
    const tagKey = budget.per?.startsWith(TAG_PREFIX) ? budget.per.slice(TAG_PREFIX.length) : null;
    const rule = { budget, tags: Object.entries(budget.scope.tags ?? {}), tagKey, lastSpan: NO_SPAN };
    const key = indexKey(budget);
    if (key === null) index.everywhere.push(rule);
    else index.byKey.set(key, [...(index.byKey.get(key) ?? []), rule]);
  }
  return index;
}

function fits({ budget: { scope }, tags }: Rule, usage: BudgetedUsage): boolean {
  return (
    (scope.teamId === null || scope.teamId === usage.teamId) &&
    (scope.userId === null || scope.userId === usage.userId) &&
    (scope.provider === null || scope.provider === usage.provider) &&
    (scope.model === null || scope.model === usage.model) &&
    (scope.apiKeyId === null || scope.apiKeyId === usage.apiKeyId) &&
    tags.every(([key, value]) => usage.tags[key] === value)
  );
}

function subjectOf({ budget, tagKey }: Rule, usage: BudgetedUsage): string | null {
  if (budget.per === null) return '';
  if (tagKey !== null) return Object.hasOwn(usage.tags, tagKey) ? (usage.tags[tagKey] ?? null) : null;
  if (budget.per === 'team') return usage.teamId;
  return budget.per === 'user' ? usage.userId : usage.apiKeyId;
}

/** The budget's period that holds a moment, by the calendar of its zone. */
export function periodAt({ period, timezone }: Pick<Budget, 'period' | 'timezone'>, timeMs: number): TimeSpan {
  return period === 'total' ? ALL_TIME : spanAt(timeMs, period, timezone);
}

function spanOf(rule: Rule, timeMs: number): TimeSpan {
  if (timeMs < rule.lastSpan.startMs || timeMs >= rule.lastSpan.endMs) rule.lastSpan = periodAt(rule.budget, timeMs);
  return rule.lastSpan;
}

function addMatches(keys: CounterKey[], rules: readonly Rule[] | undefined, usage: BudgetedUsage): void {
  if (!rules) return;
  for (const rule of rules) {
    if (!fits(rule, usage)) continue;
    const subject = subjectOf(rule, usage);
    if (subject !== null) keys.push({ budget: rule.budget, subject, ...spanOf(rule, usage.timeMs) });
  }
}

/**
 * The counters that an event counts for: every budget whose scope fits, by its subject and its
 * period.
 */
export function matchBudgets(index: BudgetIndex, usage: BudgetedUsage): CounterKey[] {
  const keys: CounterKey[] = [];
  addMatches(keys, index.everywhere, usage);
  if (index.byKey.size === 0) return keys;
  addMatches(keys, index.byKey.get(`p${usage.provider}`), usage);
  addMatches(keys, index.byKey.get(`m${usage.model}`), usage);
  addMatches(keys, index.byKey.get(`k${usage.apiKeyId}`), usage);
  if (usage.teamId !== null) addMatches(keys, index.byKey.get(`t${usage.teamId}`), usage);
  if (usage.userId !== null) addMatches(keys, index.byKey.get(`u${usage.userId}`), usage);
  for (const tag in usage.tags) addMatches(keys, index.byKey.get(tagIndexKey(tag, usage.tags[tag] ?? '')), usage);
  return keys;
}
