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
import { AMOUNT_UNITS } from './builder/amount.ts';
import { builder, type SchemaTypes } from './builder/builder.ts';
import { CURSOR_DESCRIPTION, PAGE_SIZE_DESCRIPTION, toConnection } from './builder/connection.ts';

const PeriodEnum = builder.enumType('BudgetPeriod', {
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

const ActionEnum = builder.enumType('BudgetAction', {
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

const PER = '`team`, `user`, `api_key` or `tag:KEY`: the limit applies to each value on its own.';
const SPENT = `Recorded usage in the current period, ${AMOUNT_UNITS}.`;
const HELD = `Reserved by active holds, ${AMOUNT_UNITS}.`;
const REMAINING = `\`limit\` - \`spent\` - \`held\`, ${AMOUNT_UNITS}; below 0 where usage exceeds the limit.`;
const PERCENT = '`spent` as a percentage of `limit`, rounded to 2 decimal places.';
const MATCHED_EVENTS = 'Number of events counted in the current period.';

type SubjectSource = BudgetSubject & { status: BudgetStatus };

const SubjectRef = builder.objectRef<SubjectSource>('BudgetSubject').implement({
  description: 'What one subject has used of a budget in the current period.',
  fields: (t) => ({
    subject: t.string({
      nullable: true,
      description: 'The team id, user id, API key id or tag value that is counted on its own.',
      resolve: ({ subject, status }) => formatSubject(status.per, subject),
    }),
    spent: t.field({
      type: 'Amount',
      description: SPENT,
      resolve: ({ spent, status }) => toAmount(status.unit, spent),
    }),
    held: t.field({ type: 'Amount', description: HELD, resolve: ({ held, status }) => toAmount(status.unit, held) }),
    remaining: t.field({
      type: 'Amount',
      description: REMAINING,
      resolve: ({ remaining, status }) => toAmount(status.unit, remaining),
    }),
    percent: t.float({ description: PERCENT, resolve: ({ percent }) => Number(percent) }),
    matchedEvents: t.expose('matchedEvents', { type: 'SafeInt', description: MATCHED_EVENTS }),
  }),
});

const BudgetRef = builder.objectRef<BudgetStatus>('Budget');

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
      description: 'With `per`: the subjects that used most, at most 100, in descending order. Empty without `per`.',
      resolve: (status) => status.subjects.map((subject) => ({ ...subject, status })),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    updatedAt: t.expose('updatedAt', { type: 'DateTime' }),
  }),
});

const ScopeInput = builder.inputType('BudgetScopeInput', {
  description: 'Which usage a budget counts: usage that matches every field given here. Without any, all usage.',
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

const BUDGET_ID = 'Id of the budget.';
const NAME = '1 to 100 characters.';

type InputFields = PothosSchemaTypes.InputFieldBuilder<
  PothosSchemaTypes.ExtendDefaultTypes<SchemaTypes>,
  'InputObject'
>;

/** The fields that a budget is created with and that can be changed later. */
function settable(t: InputFields) {
  return {
    amount: t.field({ type: 'Decimal', description: 'The limit in USD for each period, above 0 and at most 10^12.' }),
    tokens: t.field({
      type: 'SafeInt',
      description: 'The limit in tokens for each period, above 0. Input and output tokens are counted.',
    }),
    thresholds: t.intList({
      description:
        'Percentages of the limit at which an event is written: at most 20 whole numbers from 1 to 1,000. A new budget ' +
        'has 50, 80 and 100 by default.',
    }),
    action: t.field({
      type: ActionEnum,
      description:
        '`BLOCK` refuses holds that would exceed the limit, with `budget_exceeded`. A new budget has `ALERT` by default.',
    }),
    raiseAmount: t.field({
      type: 'Decimal',
      description: "Added to the limit until `raiseUntil`, in the budget's unit. Null for both ends a raise.",
    }),
    raiseUntil: t.field({ type: 'DateTime', description: 'When the raise ends. It is required with `raiseAmount`.' }),
  };
}

const CreateBudgetInput = builder.inputType('CreateBudgetInput', {
  description: 'A new budget. Exactly one of `amount` and `tokens` is required.',
  fields: (t) => ({
    ...settable(t),
    name: t.string({ required: true, description: NAME }),
    period: t.field({ type: PeriodEnum, required: true }),
    timezone: t.string({ description: 'IANA name of the time zone of the periods; default UTC.' }),
    scope: t.field({ type: ScopeInput }),
    per: t.string({ description: `${PER} Without it, all usage is counted together.` }),
  }),
});

const UpdateBudgetInput = builder.inputType('UpdateBudgetInput', {
  description: 'Fields that are left out stay as they are. A budget in USD stays in USD, and one in tokens in tokens.',
  fields: (t) => ({
    ...settable(t),
    id: t.id({ required: true, description: BUDGET_ID }),
    name: t.string({ description: NAME }),
  }),
});

const DeleteBudgetInput = builder.inputType('DeleteBudgetInput', {
  fields: (t) => ({ id: t.id({ required: true, description: BUDGET_ID }) }),
});

builder.mutationFields((t) => ({
  createBudget: t.field({
    type: BudgetRef,
    description:
      'Creates a budget. Usage already recorded in the current period counts. An organization has at most 5,000 ' +
      'budgets. Requires the scope `budgets:write`.',
    args: { input: t.arg({ type: CreateBudgetInput, required: true }) },
    resolve: (_, { input }, context) => createBudget(context, input),
  }),
  updateBudget: t.field({
    type: BudgetRef,
    description: 'Changes a budget. Requires the scope `budgets:write`.',
    args: { input: t.arg({ type: UpdateBudgetInput, required: true }) },
    resolve: (_, { input }, context) => updateBudget(context, input),
  }),
  deleteBudget: t.field({
    type: BudgetRef,
    description: 'Deletes a budget and returns it as it was. Requires the scope `budgets:write`.',
    args: { input: t.arg({ type: DeleteBudgetInput, required: true }) },
    resolve: (_, { input }, context) => deleteBudget(context, input.id),
  }),
}));

const BudgetConnection = builder.connectionObject({ type: BudgetRef, name: 'BudgetConnection' });

builder.queryFields((t) => ({
  budget: t.field({
    type: BudgetRef,
    description: 'One budget. Requires the scope `budgets:read`.',
    args: { id: t.arg.id({ required: true, description: BUDGET_ID }) },
    resolve: (_, { id }, context) => getBudget(context, id),
  }),
  budgets: t.field({
    type: BudgetConnection,
    description: 'The budgets, newest first. Requires the scope `budgets:read`.',
    args: {
      first: t.arg.int({ description: PAGE_SIZE_DESCRIPTION }),
      after: t.arg.string({ description: CURSOR_DESCRIPTION }),
    },
    resolve: async (_, args, context) =>
      toConnection(BUDGET_CURSOR, await listBudgets(context, args), ({ id }) => id, args.after),
  }),
}));
