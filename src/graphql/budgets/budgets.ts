import { createBudget } from '../../domain/budgets/create-budget.ts';
import { deleteBudget } from '../../domain/budgets/delete-budget.ts';
import { BUDGET_CURSOR, getBudget, listBudgets } from '../../domain/budgets/find-budgets.ts';
import { listBudgetSubjects, SUBJECT_CURSOR } from '../../domain/budgets/list-budget-subjects.ts';
import { updateBudget } from '../../domain/budgets/update-budget.ts';
import { builder } from '../builder/builder.ts';
import { CURSOR_DESCRIPTION, PAGE_SIZE_DESCRIPTION, toConnection } from '../builder/connection.ts';
import { BUDGET_ID, CreateBudgetInput, DeleteBudgetInput, UpdateBudgetInput } from './budget-inputs.ts';
import { BudgetRef, SubjectRef, type SubjectSource } from './budget-types.ts';

builder.mutationFields((t) => ({
  createBudget: t.field({
    type: BudgetRef,
    description:
      'Creates a budget. Usage already recorded in the current period and open holds count. An organization has at most 5,000 ' +
      'budgets. Requires the scope `budgets:write`.',
    args: { input: t.arg({ type: CreateBudgetInput, required: true }) },
    resolve: (_, { input }, context) => createBudget(context, input),
  }),
  updateBudget: t.field({
    type: BudgetRef,
    description: 'Changes a budget; one that has ended with its team is refused. Requires the scope `budgets:write`.',
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

const SubjectConnection = builder.connectionObject({ type: SubjectRef, name: 'BudgetSubjectConnection' });

builder.queryFields((t) => ({
  budgetSubjects: t.field({
    type: SubjectConnection,
    description:
      'With `per`: every subject that the budget counts in its current period, in the order of their names. Empty ' +
      'without `per`. Requires the scope `budgets:read`.',
    args: {
      id: t.arg.id({ required: true, description: BUDGET_ID }),
      first: t.arg.int({ description: PAGE_SIZE_DESCRIPTION }),
      after: t.arg.string({ description: CURSOR_DESCRIPTION }),
    },
    resolve: async (_, args, context) => {
      const { budget, items, hasMore } = await listBudgetSubjects(context, args);
      const page = { items: items.map((subject): SubjectSource => ({ ...subject, budget })), hasMore };
      return toConnection(SUBJECT_CURSOR, page, ({ subject }) => subject ?? '', args.after);
    },
  }),
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
