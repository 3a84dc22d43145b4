import { builder, type SchemaTypes } from '../builder/builder.ts';
import { ActionEnum, PER, PeriodEnum } from './budget-types.ts';

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

export const BUDGET_ID = 'Id of the budget.';
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

export const CreateBudgetInput = builder.inputType('CreateBudgetInput', {
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

export const UpdateBudgetInput = builder.inputType('UpdateBudgetInput', {
  description: 'Fields that are left out stay as they are. A budget in USD stays in USD, and one in tokens in tokens.',
  fields: (t) => ({
    ...settable(t),
    id: t.id({ required: true, description: BUDGET_ID }),
    name: t.string({ description: NAME }),
  }),
});

export const DeleteBudgetInput = builder.inputType('DeleteBudgetInput', {
  fields: (t) => ({ id: t.id({ required: true, description: BUDGET_ID }) }),
});
