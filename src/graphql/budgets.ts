import { BUDGET_ACTIONS, BUDGET_PERIODS, type BudgetAction, type BudgetPeriod } from '../domain/budgets/budget.ts';
import type { BudgetStatus, BudgetSubject } from '../domain/budgets/budget-status.ts';
import { createBudget } from '../domain/budgets/create-budget.ts';
import { deleteBudget } from '../domain/budgets/delete-budget.ts';
import { BUDGET_CURSOR, getBudget, listBudgets } from '../domain/budgets/find-budgets.ts';
import { updateBudget } from '../domain/budgets/update-budget.ts';
import { toAmount } from '../domain/event-log/amount.ts';
import { formatSubject } from '../domain/event-log/event.ts';
import { formatId } from '../platform/ids.ts';
import { builder } from './builder/builder.ts';
import { toConnection } from './builder/connection.ts';

const PeriodEnum = builder.enumType('BudgetPeriod', {
  values: Object.fromEntries(BUDGET_PERIODS.map((period) => [period.toUpperCase(), { value: period }])) as Record<
    string,
    { value: BudgetPeriod }
  >,
});
const ActionEnum = builder.enumType('BudgetAction', {
  values: Object.fromEntries(BUDGET_ACTIONS.map((action) => [action.toUpperCase(), { value: action }])) as Record<
    string,
    { value: BudgetAction }
  >,
});

const ScopeRef = builder.objectRef<BudgetStatus['budget']['scope']>('BudgetScope').implement({
  description: 'What a budget counts: what fits every part that is set.',
  fields: (t) => ({
    teamId: t.id({ nullable: true, resolve: ({ teamId }) => teamId && formatId('team', teamId) }),
    userId: t.exposeString('userId', { nullable: true }),
    provider: t.exposeString('provider', { nullable: true }),
    model: t.exposeString('model', { nullable: true }),
    apiKeyId: t.id({ nullable: true, resolve: ({ apiKeyId }) => apiKeyId && formatId('apiKey', apiKeyId) }),
    tags: t.field({ type: 'JSON', nullable: true, resolve: ({ tags }) => tags }),
  }),
});

type SubjectSource = BudgetSubject & { status: BudgetStatus };

const SubjectRef = builder.objectRef<SubjectSource>('BudgetSubject').implement({
  description: 'Where one subject of a budget stands.',
  fields: (t) => ({
    subject: t.string({ nullable: true, resolve: ({ subject, status }) => formatSubject(status.budget.per, subject) }),
    spent: t.field({ type: 'Amount', resolve: ({ spent, status }) => toAmount(status.budget.unit, spent) }),
    held: t.field({ type: 'Amount', resolve: ({ held, status }) => toAmount(status.budget.unit, held) }),
    remaining: t.field({ type: 'Amount', resolve: ({ remaining, status }) => toAmount(status.budget.unit, remaining) }),
    percent: t.float({ resolve: ({ percent }) => Number(percent) }),
    matchedEvents: t.expose('matchedEvents', { type: 'SafeInt' }),
  }),
});

const BudgetRef = builder.objectRef<BudgetStatus>('Budget');

builder.node(BudgetRef, {
  description: 'A rule, and where it stands in the period that holds now.',
  id: { resolve: ({ budget }) => budget.id },
  loadOne: (uuid, context) => getBudget(context, formatId('budget', uuid)),
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'subjects' in value,
  fields: (t) => ({
    name: t.string({ resolve: ({ budget }) => budget.name }),
    amount: t.field({
      type: 'Decimal',
      nullable: true,
      description: 'USD; null where tokens are counted.',
      resolve: ({ budget }) => (budget.unit === 'usd' ? budget.amount : null),
    }),
    tokens: t.field({
      type: 'SafeInt',
      nullable: true,
      description: 'Null where money is counted.',
      resolve: ({ budget }) => (budget.unit === 'tokens' ? Number(budget.amount) : null),
    }),
    raiseAmount: t.field({ type: 'Decimal', nullable: true, resolve: ({ budget }) => budget.raiseAmount }),
    raiseUntil: t.field({ type: 'DateTime', nullable: true, resolve: ({ budget }) => budget.raiseUntil }),
    period: t.field({ type: PeriodEnum, resolve: ({ budget }) => budget.period }),
    timezone: t.string({ resolve: ({ budget }) => budget.timezone }),
    scope: t.field({ type: ScopeRef, resolve: ({ budget }) => budget.scope }),
    per: t.string({
      nullable: true,
      description: '`team`, `user`, `api_key` or `tag:KEY`: each value is counted on its own.',
      resolve: ({ budget }) => budget.per,
    }),
    thresholds: t.intList({ resolve: ({ budget }) => budget.thresholds }),
    action: t.field({ type: ActionEnum, resolve: ({ budget }) => budget.action }),
    limit: t.field({
      type: 'Amount',
      description: 'With the raise, where one is in force.',
      resolve: ({ budget, limit }) => toAmount(budget.unit, limit),
    }),
    spent: t.field({ type: 'Amount', resolve: ({ budget, spent }) => toAmount(budget.unit, spent) }),
    held: t.field({ type: 'Amount', resolve: ({ budget, held }) => toAmount(budget.unit, held) }),
    remaining: t.field({ type: 'Amount', resolve: ({ budget, remaining }) => toAmount(budget.unit, remaining) }),
    percent: t.float({ description: 'Of the limit, spent.', resolve: ({ percent }) => Number(percent) }),
    periodStart: t.field({ type: 'DateTime', resolve: ({ period }) => new Date(period.startMs) }),
    periodEnd: t.field({ type: 'DateTime', resolve: ({ period }) => new Date(period.endMs) }),
    matchedEvents: t.expose('matchedEvents', { type: 'SafeInt' }),
    subject: t.string({
      nullable: true,
      description: 'With `per`: whose figures these are, that of the subject that used most.',
      resolve: ({ budget, subject }) => formatSubject(budget.per, subject),
    }),
    subjects: t.field({
      type: [SubjectRef],
      description: 'With `per`: the subjects that used most, at most a hundred.',
      resolve: (status) => status.subjects.map((subject) => ({ ...subject, status })),
    }),
    createdAt: t.field({ type: 'DateTime', resolve: ({ budget }) => budget.createdAt }),
    updatedAt: t.field({ type: 'DateTime', resolve: ({ budget }) => budget.updatedAt }),
  }),
});

const ScopeInput = builder.inputType('BudgetScopeInput', {
  fields: (t) => ({
    teamId: t.id(),
    userId: t.string(),
    provider: t.string(),
    model: t.string(),
    apiKeyId: t.id(),
    tags: t.field({ type: 'JSON', description: 'An object of texts: all must be borne.' }),
  }),
});

const CreateBudgetInput = builder.inputType('CreateBudgetInput', {
  description: 'Exactly one of amount and tokens.',
  fields: (t) => ({
    name: t.string({ required: true }),
    amount: t.field({ type: 'Decimal', description: 'USD.' }),
    tokens: t.field({ type: 'SafeInt' }),
    period: t.field({ type: PeriodEnum, required: true }),
    timezone: t.string({ description: 'IANA name; default UTC.' }),
    scope: t.field({ type: ScopeInput }),
    per: t.string({ description: '`team`, `user`, `api_key` or `tag:KEY`.' }),
    thresholds: t.intList({ description: 'Whole percents; default 50, 80, 100.' }),
    action: t.field({ type: ActionEnum, description: 'Default: ALERT. BLOCK makes holds answer budget_exceeded.' }),
    raiseAmount: t.field({ type: 'Decimal', description: 'Added to the amount until raiseUntil.' }),
    raiseUntil: t.field({ type: 'DateTime' }),
  }),
});

const UpdateBudgetInput = builder.inputType('UpdateBudgetInput', {
  description: 'What is left out stays.',
  fields: (t) => ({
    id: t.id({ required: true }),
    name: t.string(),
    amount: t.field({ type: 'Decimal' }),
    tokens: t.field({ type: 'SafeInt' }),
    thresholds: t.intList(),
    action: t.field({ type: ActionEnum }),
    raiseAmount: t.field({
      type: 'Decimal',
      description: 'Added to the amount until raiseUntil; null, with raiseUntil null, ends a raise.',
    }),
    raiseUntil: t.field({ type: 'DateTime' }),
  }),
});

const DeleteBudgetInput = builder.inputType('DeleteBudgetInput', {
  fields: (t) => ({ id: t.id({ required: true }) }),
});

builder.mutationFields((t) => ({
  createBudget: t.field({
    type: BudgetRef,
    description: 'What its scope has used in the current period counts from the start. Scope budgets:write.',
    args: { input: t.arg({ type: CreateBudgetInput, required: true }) },
    resolve: (_, { input }, context) => createBudget(context, input),
  }),
  updateBudget: t.field({
    type: BudgetRef,
    description: 'Scope budgets:write.',
    args: { input: t.arg({ type: UpdateBudgetInput, required: true }) },
    resolve: (_, { input }, context) => updateBudget(context, input),
  }),
  deleteBudget: t.field({
    type: BudgetRef,
    description: 'Answers with the budget as it stood. Scope budgets:write.',
    args: { input: t.arg({ type: DeleteBudgetInput, required: true }) },
    resolve: (_, { input }, context) => deleteBudget(context, input.id),
  }),
}));

const BudgetConnection = builder.connectionObject({ type: BudgetRef, name: 'BudgetConnection' });

builder.queryFields((t) => ({
  budget: t.field({
    type: BudgetRef,
    description: 'Scope budgets:read.',
    args: { id: t.arg.id({ required: true }) },
    resolve: (_, { id }, context) => getBudget(context, id),
  }),
  budgets: t.field({
    type: BudgetConnection,
    description: 'Newest first. Scope budgets:read.',
    args: { first: t.arg.int({ description: '1 to 100; default 20.' }), after: t.arg.string() },
    resolve: async (_, args, context) =>
      toConnection(BUDGET_CURSOR, await listBudgets(context, args), ({ budget }) => budget.id, args.after),
  }),
}));
