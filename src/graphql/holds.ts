import { toAmount } from '../domain/event-log/amount.ts';
import { createHold } from '../domain/holds/create-hold.ts';
import { getHold, HOLD_CURSOR, listHolds } from '../domain/holds/find-holds.ts';
import { type CreatedHold, type HeldBudget, HOLD_STATUSES, type Hold, type HoldStatus } from '../domain/holds/hold.ts';
import { releaseHold } from '../domain/holds/release-hold.ts';
import { formatId } from '../platform/ids.ts';
import { plainDecimal } from '../platform/money.ts';
import { AMOUNT_UNITS } from './builder/amount.ts';
import { builder } from './builder/builder.ts';
import { CURSOR_DESCRIPTION, PAGE_SIZE_DESCRIPTION, toConnection } from './builder/connection.ts';

const STATUS_DESCRIPTIONS: Readonly<Record<HoldStatus, string>> = {
  active: 'The hold reserves its amount.',
  settled: 'A usage event has settled the hold.',
  released: 'The hold was released without usage.',
  expired: 'The hold has expired and reserves nothing.',
};

const StatusEnum = builder.enumType('HoldStatus', {
  values: Object.fromEntries(
    HOLD_STATUSES.map((status) => [status.toUpperCase(), { value: status, description: STATUS_DESCRIPTIONS[status] }]),
  ) as Record<string, { value: HoldStatus }>,
});

const amountOf = (budget: HeldBudget, decimal: string) => toAmount(budget.unit, decimal);

const HeldBudgetRef = builder.objectRef<HeldBudget>('HeldBudget').implement({
  description: 'A budget that counts the hold, as it was right after the hold was created.',
  fields: (t) => ({
    id: t.id({ resolve: ({ id }) => formatId('budget', id) }),
    limit: t.field({
      type: 'Amount',
      description: `The limit, with a raise that is in force, ${AMOUNT_UNITS}.`,
      resolve: (budget) => amountOf(budget, budget.limit),
    }),
    spent: t.field({
      type: 'Amount',
      description: `Recorded usage in the current period, ${AMOUNT_UNITS}.`,
      resolve: (budget) => amountOf(budget, budget.spent),
    }),
    held: t.field({
      type: 'Amount',
      description: `Reserved by active holds, this one included, ${AMOUNT_UNITS}.`,
      resolve: (budget) => amountOf(budget, budget.held),
    }),
    remaining: t.field({
      type: 'Amount',
      description: `\`limit\` - \`spent\` - \`held\`, ${AMOUNT_UNITS}.`,
      resolve: (budget) => amountOf(budget, budget.remaining),
    }),
  }),
});

const HoldCreditsRef = builder.objectRef<{ available: string }>('HoldCredits').implement({
  description: 'The prepaid credits as they were right after the hold was created.',
  fields: (t) => ({
    available: t.expose('available', { type: 'Decimal', description: 'The available credits in USD.' }),
  }),
});

const HoldRef = builder.objectRef<Hold & Partial<CreatedHold>>('Hold');

builder.node(HoldRef, {
  description: 'The worst-case cost of a call, reserved before the call is made.',
  id: { resolve: ({ id }) => id },
  loadOne: (uuid, context) => getHold(context, formatId('hold', uuid)),
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'tokens' in value && 'expiresAt' in value,
  fields: (t) => ({
    status: t.expose('status', { type: StatusEnum }),
    provider: t.exposeString('provider'),
    model: t.exposeString('model'),
    amount: t.expose('amount', {
      type: 'Decimal',
      nullable: true,
      description: 'The reserved cost in USD; null where the model has no price and no amount was given.',
    }),
    tokens: t.expose('tokens', {
      type: 'SafeInt',
      description: 'The reserved tokens: the input tokens plus the maximum number of output tokens.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime' }),
    budgets: t.expose('budgets', {
      type: [HeldBudgetRef],
      nullable: true,
      description:
        'The budgets that count the hold and that the API key may see, those with the least remaining first. Only the ' +
        'answer that creates the hold has them.',
    }),
    credits: t.field({
      type: HoldCreditsRef,
      nullable: true,
      description:
        'Only the answer that creates the hold has them; null without prepaid credits, and for an API key that is bound to ' +
        'a team.',
      resolve: ({ creditsAvailable }) => (creditsAvailable ? { available: plainDecimal(creditsAvailable) } : null),
    }),
  }),
});

const CreateHoldInput = builder.inputType('CreateHoldInput', {
  description: 'A call that is about to be made. Its worst-case cost is reserved.',
  fields: (t) => ({
    provider: t.string({ required: true }),
    model: t.string({ required: true }),
    inputTokens: t.field({ type: 'SafeInt', required: true, description: 'Number of input tokens of the call.' }),
    maxOutputTokens: t.field({
      type: 'SafeInt',
      required: true,
      description: 'Maximum number of output tokens of the call, reasoning included.',
    }),
    teamId: t.id({ description: "Default: the API key's team, if it is bound to one." }),
    userId: t.string({ description: 'Your own id of the user; at most 255 characters.' }),
    tags: t.field({
      type: 'JSON',
      description: 'An object with at most 32 string values. Keys have at most 64 characters, values at most 255.',
    }),
    expiresIn: t.field({ type: 'SafeInt', description: 'Seconds until the hold expires: 1 to 3,600, default 300.' }),
    amount: t.field({
      type: 'Decimal',
      description: 'The amount to reserve in USD, above 0 and at most 10^12. Default: the computed worst-case cost.',
    }),
  }),
});

const ReleaseHoldInput = builder.inputType('ReleaseHoldInput', {
  fields: (t) => ({ id: t.id({ required: true, description: 'Id of the hold.' }) }),
});

builder.mutationFields((t) => ({
  createHold: t.field({
    type: HoldRef,
    description:
      'Reserves the worst-case cost of a call in budgets and prepaid credits, or refuses it. Requires the scope `usage:write`.',
    args: { input: t.arg({ type: CreateHoldInput, required: true }) },
    resolve: (_, { input }, context) => createHold(context, input),
  }),
  releaseHold: t.field({
    type: HoldRef,
    description: 'Releases a hold whose call was not made. Requires the scope `usage:write`.',
    args: { input: t.arg({ type: ReleaseHoldInput, required: true }) },
    resolve: (_, { input }, context) => releaseHold(context, input.id),
  }),
}));

const HoldConnection = builder.connectionObject({ type: HoldRef, name: 'HoldConnection' });

builder.queryFields((t) => ({
  hold: t.field({
    type: HoldRef,
    description: 'One hold, as it is now. Requires the scope `usage:read`.',
    args: { id: t.arg.id({ required: true, description: 'Id of the hold.' }) },
    resolve: (_, { id }, context) => getHold(context, id),
  }),
  holds: t.field({
    type: HoldConnection,
    description: 'The holds, newest first, those that have ended too. Requires the scope `usage:read`.',
    args: {
      first: t.arg.int({ description: PAGE_SIZE_DESCRIPTION }),
      after: t.arg.string({ description: CURSOR_DESCRIPTION }),
    },
    resolve: async (_, args, context) =>
      toConnection(HOLD_CURSOR, await listHolds(context, args), ({ id }) => id, args.after),
  }),
}));
