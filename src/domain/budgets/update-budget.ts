import { formatId } from '../../platform/ids.ts';
import { requireScope } from '../access/require-scope.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { BUDGETS } from './budget-columns.ts';
import type { BudgetStatus } from './budget-status.ts';
import { auditBudget, changeBudgets, raiseCurrentCrossings } from './change-budgets.ts';
import { getStatus, getVisibleBudget } from './find-budgets.ts';
import { type BudgetPatch, readBudgetPatch } from './read-budget-input.ts';

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
    const { organizationId, id } = before;
    const changes = { ...readBudgetPatch(patch, before), updatedAt: new Date(nowMs) };
    const after = await BUDGETS.update(sql, { organizationId, id }, changes);
    await raiseCurrentCrossings(sql, after, nowMs);
    const change = { caller, action: 'budget.updated', targetId: formatId('budget', after.id), atMs: nowMs };
    await recordAudit(sql, { ...change, before: auditBudget(before), after: auditBudget(after) });
    return after;
  });
  return getStatus(context, budget);
}
