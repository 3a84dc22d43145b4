import { invalidField } from '../../platform/errors.ts';
import { type Page, type PageInput, parseCursor, readPageSize } from '../../platform/page.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import { isStorableText } from '../input/check-text.ts';
import type { Budget } from './budget.ts';
import { type BudgetSubject, readBudgetSubjects } from './budget-status.ts';
import { getVisibleBudget } from './find-budgets.ts';

export const SUBJECT_CURSOR = 'subject';

export interface SubjectQuestion extends PageInput {
  /** TypeID of the budget. */
  id: string;
}

export interface SubjectPage extends Page<BudgetSubject> {
  budget: Budget;
}

/**
 * All subjects that a budget with `per` counts in its present period, in the order of their names;
 * none without `per`. A subject that is there throughout is listed once, whatever is recorded
 * meanwhile.
 * @throws AppError not_found, invalid_request, insufficient_permissions
 */
export async function listBudgetSubjects(context: Context, question: SubjectQuestion): Promise<SubjectPage> {
  const { caller, resources } = context;
  requireScope(caller, 'budgets:read');
  const size = readPageSize(question.first);
  const { pool } = resources.database;
  const budget = await getVisibleBudget(pool, caller, question.id);
  const after = question.after ? parseCursor(SUBJECT_CURSOR, question.after) : null;
  if (after !== null && !isStorableText(after)) throw invalidField('after', 'is not a cursor of this list');
  if (budget.per === null) return { budget, items: [], hasMore: false };
  const found = await readBudgetSubjects(pool, budget, after, size + 1, resources.clock());
  return { budget, items: found.slice(0, size), hasMore: found.length > size };
}
