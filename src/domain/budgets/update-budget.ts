import { type FieldProblem, invalidRequest } from '../../platform/errors.ts';
import { formatId } from '../../platform/ids.ts';
import { requireScope } from '../access/require-scope.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { checkText } from '../input/check-text.ts';
import type { Budget, BudgetAction } from './budget.ts';
import { type BudgetRow, readBudget } from './budget-row.ts';
import type { BudgetStatus } from './budget-status.ts';
import { auditBudget, changeBudgets, raiseCurrentCrossings } from './change-budgets.ts';
import { getStatus, getVisibleBudget } from './find-budgets.ts';
import { BUDGET_LIMITS, readBudgetAmount, readRaise, readThresholds } from './read-budget-input.ts';

/** What can be changed. Left out: stays. What is counted (scope, per, period, zone) is what makes the budget. */
export interface BudgetPatch {
  /** TypeID. */
  id: string;
  name?: string | null;
  amount?: string | null;
  tokens?: number | null;
  thresholds?: readonly number[] | null;
  action?: BudgetAction | null;
  /** Null ends a raise. */
  raiseAmount?: string | null;
  raiseUntil?: Date | null;
}

function applyPatch(budget: Budget, patch: BudgetPatch): Budget {
  const problems: FieldProblem[] = [];
  if (patch.name !== undefined && patch.name !== null) checkText(problems, 'name', patch.name, BUDGET_LIMITS.name);
  const changesAmount = (patch.amount ?? patch.tokens ?? null) !== null;
  const amount = changesAmount ? readBudgetAmount(problems, patch) : { unit: budget.unit, amount: budget.amount };
  if (amount.unit !== budget.unit) {
    const path = amount.unit === 'usd' ? 'amount' : 'tokens';
    problems.push({ path, message: `this budget counts ${budget.unit}; make another for the other unit` });
  }
  const changesRaise = patch.raiseAmount !== undefined || patch.raiseUntil !== undefined;
  const raise = changesRaise
    ? readRaise(problems, budget.unit, {
        raiseAmount: patch.raiseAmount === undefined ? budget.raiseAmount : patch.raiseAmount,
        raiseUntil: patch.raiseUntil === undefined ? budget.raiseUntil : patch.raiseUntil,
      })
    : { raiseAmount: budget.raiseAmount, raiseUntil: budget.raiseUntil };
  const thresholds = patch.thresholds ? readThresholds(problems, patch.thresholds) : budget.thresholds;
  if (problems.length > 0) throw invalidRequest(problems);
  return {
    ...budget,
    ...amount,
    ...raise,
    name: patch.name ?? budget.name,
    thresholds,
    action: patch.action ?? budget.action,
  };
}

/**
 * Changes a budget; a limit below what is spent raises its events at once, one above it a recovery.
 * @throws AppError not_found, invalid_request, insufficient_permissions
 */
export async function updateBudget(context: Context, patch: BudgetPatch): Promise<BudgetStatus> {
  const { caller, resources } = context;
  requireScope(caller, 'budgets:write');
  const nowMs = resources.clock();
  const budget = await changeBudgets(context, async (sql) => {
    const before = await getVisibleBudget(sql, caller, patch.id);
    const next = applyPatch(before, patch);
    const { rows } = await sql.query<BudgetRow>(
      `UPDATE budgets SET name = $3, amount = $4, raise_amount = $5, raise_until = $6, thresholds = $7, action = $8,
              updated_at = $9
        WHERE organization_id = $1 AND id = $2 RETURNING *`,
      [
        before.organizationId,
        before.id,
        next.name,
        next.amount,
        next.raiseAmount,
        next.raiseUntil,
        next.thresholds,
        next.action,
        new Date(nowMs),
      ],
    );
    const after = readBudget(rows[0] as BudgetRow);
    await raiseCurrentCrossings(sql, after, nowMs);
    const change = { caller, action: 'budget.updated', targetId: formatId('budget', after.id), atMs: nowMs };
    await recordAudit(sql, { ...change, before: auditBudget(before), after: auditBudget(after) });
    return after;
  });
  return getStatus(context, budget);
}
