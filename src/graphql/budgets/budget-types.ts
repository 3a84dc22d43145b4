import {
  BUDGET_ACTIONS,
  BUDGET_PERIODS,
  type BudgetAction,
  type BudgetPeriod,
  type BudgetScope,
} from '../../domain/budgets/budget.ts';
import type { BudgetStatus, BudgetSubject } from '../../domain/budgets/budget-status.ts';
import { getBudget } from '../../domain/budgets/find-budgets.ts';
import { toAmount } from '../../domain/event-log/amount.ts';
import { formatSubject } from '../../domain/event-log/budget-data.ts';
import { formatId } from '../../platform/ids.ts';
import { AMOUNT_UNITS } from '../builder/amount.ts';
import { builder } from '../builder/builder.ts';

export const PeriodEnum = builder.enumType('BudgetPeriod', {
  description: "Calendar period of a budget, in the budget's time zone. `TOTAL` is one period that never ends.",
  values: Object.fromEntries(BUDGET_PERIODS.map((period) => [period.toUpperCase(), { value: period }])) as Record<
    string,
    { value: BudgetPeriod }
  >,
});

const ACTION_DESCRIPTIONS: Readonly<Record<BudgetAction, string>> = {
  alert: 'The budget only writes events.',
  block: 'The budget also refuses holds that would exceed its limit.',
};

export const ActionEnum = builder.enumType('BudgetAction', {
  description: 'What a budget does at its limit. Usage that has already happened is always recorded.',
  values: Object.fromEntries(
    BUDGET_ACTIONS.map((action) => [action.toUpperCase(), { value: action, description: ACTION_DESCRIPTIONS[action] }]),
  ) as Record<string, { value: BudgetAction }>,
});

const ScopeRef = builder.objectRef<BudgetScope>('BudgetScope').implement({
  description: 'Which usage a budget counts: usage that matches every field that is not null.',
  fields: (t) => ({
    teamId: t.id({ nullable: true, resolve: ({ teamId }) => teamId && formatId('team', teamId) }),
    userId: t.exposeString('userId', { nullable: true }),
    provider: t.exposeString('provider', { nullable: true }),
    model: t.exposeString('model', { nullable: true }),
    apiKeyId: t.id({ nullable: true, resolve: ({ apiKeyId }) => apiKeyId && formatId('apiKey', apiKeyId) }),
    tags: t.expose('tags', {
      type: 'JSON',
      nullable: true,
      description: 'An object with string values: an event must carry all of these tags.',
    }),
  }),
});

export const PER = '`team`, `user`, `api_key` or `tag:KEY`: the limit applies to each value on its own.';
const SPENT = `Recorded usage in the current period, ${AMOUNT_UNITS}.`;
const HELD = `Reserved by active holds, ${AMOUNT_UNITS}.`;
const REMAINING = `\`limit\` - \`spent\` - \`held\`, ${AMOUNT_UNITS}; below 0 where usage exceeds the limit.`;
const PERCENT = '`spent` as a percentage of `limit`, rounded down to 2 decimal places.';
const MATCHED_EVENTS = 'Number of events counted in the current period.';

/** A subject, and the budget that counts it. */
export type SubjectSource = BudgetSubject & { budget: Pick<BudgetStatus, 'unit' | 'per'> };

export const SubjectRef = builder.objectRef<SubjectSource>('BudgetSubject').implement({
  description: 'What one subject has used of a budget in the current period.',
  fields: (t) => ({
    subject: t.string({
      nullable: true,
      description:
        'The team id, user id, API key id or tag value that is counted on its own; a tag value may be empty.',
      resolve: ({ subject, budget }) => formatSubject(budget.per, subject),
    }),
    spent: t.field({
      type: 'Amount',
      description: SPENT,
      resolve: ({ spent, budget }) => toAmount(budget.unit, spent),
    }),
    held: t.field({ type: 'Amount', description: HELD, resolve: ({ held, budget }) => toAmount(budget.unit, held) }),
    remaining: t.field({
      type: 'Amount',
      description: REMAINING,
      resolve: ({ remaining, budget }) => toAmount(budget.unit, remaining),
    }),
    percent: t.float({ description: PERCENT, resolve: ({ percent }) => Number(percent) }),
    matchedEvents: t.expose('matchedEvents', { type: 'SafeInt', description: MATCHED_EVENTS }),
  }),
});

export const BudgetRef = builder.objectRef<BudgetStatus>('Budget');

builder.node(BudgetRef, {
  description: 'A limit on usage for each period, and what has been used in the current period.',
  id: { resolve: ({ id }) => id },
  loadOne: (uuid, context) => getBudget(context, formatId('budget', uuid)),
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'subjects' in value,
  fields: (t) => ({
    name: t.exposeString('name'),
    amount: t.field({
      type: 'Decimal',
      nullable: true,
      description: 'The limit in USD without a raise; null where the budget counts tokens.',
      resolve: ({ unit, amount }) => (unit === 'usd' ? amount : null),
    }),
    tokens: t.field({
      type: 'SafeInt',
      nullable: true,
      description: 'The limit in tokens without a raise; null where the budget counts USD.',
      resolve: ({ unit, amount }) => (unit === 'tokens' ? Number(amount) : null),
    }),
    raiseAmount: t.expose('raiseAmount', {
      type: 'Decimal',
      nullable: true,
      description: "Added to the limit until `raiseUntil`, in the budget's unit; null without a raise.",
    }),
    raiseUntil: t.expose('raiseUntil', {
      type: 'DateTime',
      nullable: true,
      description: 'When the raise ends; null without a raise.',
    }),
    period: t.expose('period', { type: PeriodEnum }),
    timezone: t.exposeString('timezone', { description: 'IANA name of the time zone of the periods.' }),
    scope: t.expose('scope', { type: ScopeRef }),
    per: t.exposeString('per', {
      nullable: true,
      description: `${PER} Null: all usage is counted together.`,
    }),
    thresholds: t.exposeIntList('thresholds', {
      description: 'Percentages of the limit, ascending. Each one that is reached writes an event, once a period.',
    }),
    action: t.expose('action', { type: ActionEnum }),
    limit: t.field({
      type: 'Amount',
      description: `The limit now, with a raise that is in force, ${AMOUNT_UNITS}.`,
      resolve: ({ unit, limit }) => toAmount(unit, limit),
    }),
    spent: t.field({ type: 'Amount', description: SPENT, resolve: ({ unit, spent }) => toAmount(unit, spent) }),
    held: t.field({ type: 'Amount', description: HELD, resolve: ({ unit, held }) => toAmount(unit, held) }),
    remaining: t.field({
      type: 'Amount',
      description: REMAINING,
      resolve: ({ unit, remaining }) => toAmount(unit, remaining),
    }),
    percent: t.float({ description: PERCENT, resolve: ({ percent }) => Number(percent) }),
    periodStart: t.field({
      type: 'DateTime',
      description: 'Start of the current period, included.',
      resolve: ({ span }) => new Date(span.startMs),
    }),
    periodEnd: t.field({
      type: 'DateTime',
      description: 'End of the current period, excluded.',
      resolve: ({ span }) => new Date(span.endMs),
    }),
    matchedEvents: t.expose('matchedEvents', { type: 'SafeInt', description: MATCHED_EVENTS }),
    subject: t.string({
      nullable: true,
      description:
        'With `per`: the subject that used most, whose figures this budget shows. Null without usage or `per`.',
      resolve: ({ per, subject }) => formatSubject(per, subject),
    }),
    subjects: t.field({
      type: [SubjectRef],
      description:
        'With `per`: the subjects that used most, at most 100, in descending order; `budgetSubjects` has all. Empty without `per`.',
      resolve: (budget) => budget.subjects.map((subject) => ({ ...subject, budget })),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime' }),
    endedAt: t.expose('endedAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'When the budget ended with its team: it counts and blocks no more, and its figures are those of that moment. ' +
        'Null: it has not ended.',
    }),
  }),
});
