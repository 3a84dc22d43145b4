import { formatId } from '../../platform/ids.ts';
import { requireScope } from '../access/require-scope.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import type { BudgetStatus } from './budget-status.ts';
import { auditBudget, changeBudgets } from './change-budgets.ts';
import { getStatus, getVisibleBudget } from './find-budgets.ts';

/**
 * Ends a budget: it counts and blocks no more. Its events stay in the log.
 * @returns the budget as it stood
 * @throws AppError not_found, insufficient_permissions
 */
export async function deleteBudget(context: Context, id: string): Promise<BudgetStatus> {
  const { caller, resources } = context;
  requireScope(caller, 'budgets:write');
  const nowMs = resources.clock();
  const budget = await changeBudgets(context, async (sql) => {
    const before = await getVisibleBudget(sql, caller, id);
    await sql.query('UPDATE budgets SET deleted_at = $3 WHERE organization_id = $1 AND id = $2', [
      before.organizationId,
      before.id,
      new Date(nowMs),
    ]);
    const change = { action: 'budget.deleted', targetId: formatId('budget', before.id), atMs: nowMs };
    await recordAudit(sql, context, { ...change, before: auditBudget(before), after: null });
    return { budget: before, isChanged: true };
  });
  return getStatus(context, budget);
}
