import { AppError } from '../../platform/errors.ts';
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
 * What changes nothing is not audited, and leaves `updatedAt`.
 * @throws AppError not_found, invalid_request, conflict (it has ended), insufficient_permissions
 */
export async function updateBudget(context: Context, patch: BudgetPatch): Promise<BudgetStatus> {
  const { caller, resources } = context;
  requireScope(caller, 'budgets:write');
  const nowMs = resources.clock();
  const budget = await changeBudgets(context, async (sql) => {
    const before = await getVisibleBudget(sql, caller, patch.id);
    const { organizationId, id } = before;
    if (before.endedAt !== null) {
      throw new AppError('conflict', 'This budget has ended with its team; make another one instead.');
    }
    const settings = readBudgetPatch(patch, before, nowMs);
    const isSame = JSON.stringify(auditBudget(before)) === JSON.stringify(auditBudget({ ...before, ...settings }));
    if (isSame) return { budget: before, isChanged: false };
    const after = await BUDGETS.update(sql, { organizationId, id }, { ...settings, updatedAt: new Date(nowMs) });
    await raiseCurrentCrossings(sql, after, nowMs);
    const change = { action: 'budget.updated', targetId: formatId('budget', after.id), atMs: nowMs };
    await recordAudit(sql, context, { ...change, before: auditBudget(before), after: auditBudget(after) });
    return { budget: after, isChanged: true };
  });
  return getStatus(context, budget);
}
