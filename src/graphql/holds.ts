import { toAmount } from '../domain/event-log/amount.ts';
import { createHold } from '../domain/holds/create-hold.ts';
import { type CreatedHold, type HeldBudget, HOLD_STATUSES, type Hold, type HoldStatus } from '../domain/holds/hold.ts';
import { releaseHold } from '../domain/holds/release-hold.ts';
import { formatId } from '../platform/ids.ts';
import { plainDecimal } from '../platform/money.ts';
import { builder } from './builder/builder.ts';

const StatusEnum = builder.enumType('HoldStatus', {
  values: Object.fromEntries(HOLD_STATUSES.map((status) => [status.toUpperCase(), { value: status }])) as Record<
    string,
    { value: HoldStatus }
  >,
});

const amountOf = (budget: HeldBudget, decimal: string) => toAmount(budget.unit, decimal);

const HeldBudgetRef = builder.objectRef<HeldBudget>('HeldBudget').implement({
  description: 'A budget that the hold counts in, as it is after the hold.',
  fields: (t) => ({
    id: t.id({ resolve: ({ id }) => formatId('budget', id) }),
    limit: t.field({ type: 'Amount', resolve: (budget) => amountOf(budget, budget.limit) }),
    spent: t.field({ type: 'Amount', resolve: (budget) => amountOf(budget, budget.spent) }),
    held: t.field({ type: 'Amount', resolve: (budget) => amountOf(budget, budget.held) }),
    remaining: t.field({ type: 'Amount', resolve: (budget) => amountOf(budget, budget.remaining) }),
  }),
});

const HoldCreditsRef = builder.objectRef<{ available: string }>('HoldCredits').implement({
  description: 'The prepaid credits that are left after the hold.',
  fields: (t) => ({ available: t.expose('available', { type: 'Decimal' }) }),
});

const HoldRef = builder.objectRef<Hold & Partial<CreatedHold>>('Hold').implement({
  description: 'The worst-case cost of a call, reserved before the call is made.',
  fields: (t) => ({
    id: t.id({ resolve: ({ id }) => formatId('hold', id) }),
    status: t.expose('status', { type: StatusEnum }),
    provider: t.exposeString('provider'),
    model: t.exposeString('model'),
    amount: t.expose('amount', { type: 'Decimal', nullable: true }),
    tokens: t.expose('tokens', { type: 'SafeInt' }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime' }),
    budgets: t.expose('budgets', {
      type: [HeldBudgetRef],
      nullable: true,
      description: 'The budgets that the hold counts in, as of its creation: those with the least left come first.',
    }),
    credits: t.field({
      type: HoldCreditsRef,
      nullable: true,
      resolve: ({ creditsAvailable }) => (creditsAvailable ? { available: plainDecimal(creditsAvailable) } : null),
    }),
  }),
});

const CreateHoldInput = builder.inputType('CreateHoldInput', {
  fields: (t) => ({
    provider: t.string({ required: true }),
    model: t.string({ required: true }),
    inputTokens: t.field({ type: 'SafeInt', required: true }),
    maxOutputTokens: t.field({ type: 'SafeInt', required: true }),
    teamId: t.id(),
    userId: t.string(),
    tags: t.field({ type: 'JSON' }),
    expiresIn: t.field({ type: 'SafeInt', description: 'Seconds until the hold expires: 1 to 3,600, default 300.' }),
    amount: t.field({
      type: 'Decimal',
      description: 'The amount to reserve in USD, instead of the computed worst case.',
    }),
  }),
});

const ReleaseHoldInput = builder.inputType('ReleaseHoldInput', {
  fields: (t) => ({ id: t.id({ required: true }) }),
});

builder.mutationFields((t) => ({
  createHold: t.field({
    type: HoldRef,
    description: 'Reserves the worst case of a call, or refuses it. Scope usage:write.',
    args: { input: t.arg({ type: CreateHoldInput, required: true }) },
    resolve: (_, { input }, context) => createHold(context, input),
  }),
  releaseHold: t.field({
    type: HoldRef,
    description: 'Gives back what a hold reserves. Scope usage:write.',
    args: { input: t.arg({ type: ReleaseHoldInput, required: true }) },
    resolve: (_, { input }, context) => releaseHold(context, input.id),
  }),
}));
