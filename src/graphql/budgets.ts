import {
  BUDGET_ACTIONS,
  BUDGET_PERIODS,
  type BudgetAction,
  type BudgetPeriod,
  type BudgetScope,
} from '../domain/budgets/budget.ts';
import type { BudgetStatus, BudgetSubject } from '../domain/budgets/budget-status.ts';
import { createBudget } from '../domain/budgets/create-budget.ts';
import { deleteBudget } from '../domain/budgets/delete-budget.ts';
import { BUDGET_CURSOR, getBudget, listBudgets } from '../domain/budgets/find-budgets.ts';
import { updateBudget } from '../domain/budgets/update-budget.ts';
import { toAmount } from '../domain/event-log/amount.ts';
import { formatSubject } from '../domain/event-log/event.ts';
import { formatId } from '../platform/ids.ts';
import { builder, type SchemaTypes } from './builder/builder.ts';
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

const ScopeRef = builder.objectRef<BudgetScope>('BudgetScope').implement({
  description: 'What a budget counts: usage that matches every part that is set.',
  fields: (t) => ({
    teamId: t.id({ nullable: true, resolve: ({ teamId }) => teamId && formatId('team', teamId) }),
    userId: t.exposeString('userId', { nullable: true }),
    provider: t.exposeString('provider', { nullable: true }),
    model: t.exposeString('model', { nullable: true }),
    apiKeyId: t.id({ nullable: true, resolve: ({ apiKeyId }) => apiKeyId && formatId('apiKey', apiKeyId) }),
    tags: t.expose('tags', { type: 'JSON', nullable: true }),
  }),
});

type SubjectSource = BudgetSubject & { status: BudgetStatus };

const SubjectRef = builder.objectRef<SubjectSource>('BudgetSubject').implement({
  description: 'What one subject has used of a budget.',
  fields: (t) => ({
    subject: t.string({ nullable: true, resolve: ({ subject, status }) => formatSubject(status.per, subject) }),
    spent: t.field({ type: 'Amount', resolve: ({ spent, status }) => toAmount(status.unit, spent) }),
    held: t.field({ type: 'Amount', resolve: ({ held, status }) => toAmount(status.unit, held) }),
    remaining: t.field({ type: 'Amount', resolve: ({ remaining, status }) => toAmount(status.unit, remaining) }),
    percent: t.float({ resolve: ({ percent }) => Number(percent) }),
    matchedEvents: t.expose('matchedEvents', { type: 'SafeInt' }),
  }),
});

const BudgetRef = builder.objectRef<BudgetStatus>('Budget');

builder.node(BudgetRef, {
  description: 'A rule, and what has been used of it in its current period.',
  id: { resolve: ({ id }) => id },
  loadOne: (uuid, context) => getBudget(context, formatId('budget', uuid)),
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'subjects' in value,
  fields: (t) => ({
    name: t.exposeString('name'),
    amount: t.field({
      type: 'Decimal',
      nullable: true,
      description: 'USD; null where tokens are counted.',
      resolve: ({ unit, amount }) => (unit === 'usd' ? amount : null),
    }),
    tokens: t.field({
      type: 'SafeInt',
      nullable: true,
      description: 'Null where money is counted.',
      resolve: ({ unit, amount }) => (unit === 'tokens' ? Number(amount) : null),
    }),
    raiseAmount: t.expose('raiseAmount', { type: 'Decimal', nullable: true }),
    raiseUntil: t.expose('raiseUntil', { type: 'DateTime', nullable: true }),
    period: t.expose('period', { type: PeriodEnum }),
    timezone: t.exposeString('timezone'),
    scope: t.expose('scope', { type: ScopeRef }),
    per: t.exposeString('per', {
      nullable: true,
      description: '`team`, `user`, `api_key` or `tag:KEY`: each value is counted on its own.',
    }),
    thresholds: t.exposeIntList('thresholds'),
    action: t.expose('action', { type: ActionEnum }),
    limit: t.field({
      type: 'Amount',
      description: 'The limit now: the amount, and the raise where one is in force.',
      resolve: ({ unit, limit }) => toAmount(unit, limit),
    }),
    spent: t.field({ type: 'Amount', resolve: ({ unit, spent }) => toAmount(unit, spent) }),
    held: t.field({ type: 'Amount', resolve: ({ unit, held }) => toAmount(unit, held) }),
    remaining: t.field({ type: 'Amount', resolve: ({ unit, remaining }) => toAmount(unit, remaining) }),
    percent: t.float({
      description: 'The part of the limit that is spent, in percent.',
      resolve: ({ percent }) => Number(percent),
    }),
    periodStart: t.field({ type: 'DateTime', resolve: ({ span }) => new Date(span.startMs) }),
    periodEnd: t.field({ type: 'DateTime', resolve: ({ span }) => new Date(span.endMs) }),
    matchedEvents: t.expose('matchedEvents', { type: 'SafeInt' }),
    subject: t.string({
      nullable: true,
      description: 'With `per`: the subject whose figures these are, the one that used most.',
      resolve: ({ per, subject }) => formatSubject(per, subject),
    }),
    subjects: t.field({
      type: [SubjectRef],
      description: 'With `per`: the subjects that used most, at most 100 of them.',
      resolve: (status) => status.subjects.map((subject) => ({ ...subject, status })),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime' }),
  }),
});

const ScopeInput = builder.inputType('BudgetScopeInput', {
  fields: (t) => ({
    teamId: t.id(),
    userId: t.string(),
    provider: t.string(),
    model: t.string(),
    apiKeyId: t.id(),
    tags: t.field({
      type: 'JSON',
      description: 'An object with string values: an event must carry all of these tags.',
    }),
  }),
});

type InputFields = PothosSchemaTypes.InputFieldBuilder<
  PothosSchemaTypes.ExtendDefaultTypes<SchemaTypes>,
  'InputObject'
>;

/** What a budget is created with and can be changed to later. */
function settable(t: InputFields) {
  return {
    amount: t.field({ type: 'Decimal', description: 'USD.' }),
    tokens: t.field({ type: 'SafeInt' }),
    thresholds: t.intList({ description: 'Whole percents of the limit. A new budget has 50, 80 and 100 by default.' }),
    action: t.field({
      type: ActionEnum,
      description: 'BLOCK makes holds answer budget_exceeded; a new budget has ALERT by default.',
    }),
    raiseAmount: t.field({
      type: 'Decimal',
      description:
        'An amount that is added to the limit until raiseUntil. Null, together with a null raiseUntil, ends a raise.',
    }),
    raiseUntil: t.field({ type: 'DateTime' }),
  };
}

const CreateBudgetInput = builder.inputType('CreateBudgetInput', {
  description: 'Exactly one of amount and tokens.',
  fields: (t) => ({
    ...settable(t),
    name: t.string({ required: true }),
    period: t.field({ type: PeriodEnum, required: true }),
    timezone: t.string({ description: 'IANA name; default UTC.' }),
    scope: t.field({ type: ScopeInput }),
    per: t.string({ description: '`team`, `user`, `api_key` or `tag:KEY`.' }),
  }),
});

const UpdateBudgetInput = builder.inputType('UpdateBudgetInput', {
  description: 'Fields that are left out stay as they are.',
  fields: (t) => ({ ...settable(t), id: t.id({ required: true }), name: t.string() }),
});

const DeleteBudgetInput = builder.inputType('DeleteBudgetInput', {
  fields: (t) => ({ id: t.id({ required: true }) }),
});

builder.mutationFields((t) => ({
  createBudget: t.field({
    type: BudgetRef,
    description:
      'Makes a budget. What its scope has used in the current period counts from the start. Scope budgets:write.',
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
    description: 'Ends a budget and returns it as it was. Scope budgets:write.',
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
      toConnection(BUDGET_CURSOR, await listBudgets(context, args), ({ id }) => id, args.after),
  }),
}));
