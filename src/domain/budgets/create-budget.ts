import { AppError } from '../../platform/errors.ts';
import { formatId, newUuid } from '../../platform/ids.ts';
import { requireScope } from '../access/require-scope.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { BUDGETS } from './budget-columns.ts';
import type { BudgetStatus } from './budget-status.ts';
import { auditBudget, changeBudgets, raiseCurrentCrossings } from './change-budgets.ts';
import { getStatus } from './find-budgets.ts';
import { periodAt } from './match-budgets.ts';
import { BUDGET_LIMITS, type BudgetInput, readBudgetInput, requireScopeTeam } from './read-budget-input.ts';

/**
 * Makes a budget. What its scope has used in the current period so far counts from the start, and
 * what that crosses is raised at once.
 * @throws AppError invalid_request, conflict (too many budgets), insufficient_permissions
 */
export async function createBudget(context: Context, input: BudgetInput): Promise<BudgetStatus> {
  const { caller, resources } = context;
  requireScope(caller, 'budgets:write');
  const rule = readBudgetInput(context, input);
  await requireScopeTeam(context, rule.scope);
  const organizationId = caller.organization.id;
  const nowMs = resources.clock();
  const id = newUuid(nowMs);
  const budget = await changeBudgets(context, async (sql) => {
    const { rows: counts } = await sql.query<{ count: number }>(
      'SELECT count(*) FROM budgets WHERE organization_id = $1 AND deleted_at IS NULL',
      [organizationId],
    );
    if ((counts[0]?.count ?? 0) >= BUDGET_LIMITS.budgets) {
      throw new AppError('conflict', `An organization has at most ${BUDGET_LIMITS.budgets} budgets.`);
    }
    const { startMs, endMs } = periodAt(rule, nowMs);
    const now = new Date(nowMs);
    const dates = { countedFrom: new Date(startMs), createdAt: now, updatedAt: now };
    const made = await BUDGETS.insert(sql, { ...rule, organizationId, id, ...dates });
    const periods = [{ startMs, endMs }];
    // Events may be ahead of the clock.
    if (rule.period !== 'total') periods.push(periodAt(rule, endMs));
    for (const { startMs, endMs } of periods) {
      const values = [organizationId, id, new Date(startMs), new Date(endMs)];
      await sql.query('SELECT rebuild_budget_counters($1, $2, $3, $4)', values);
    }
    await raiseCurrentCrossings(sql, made, nowMs);
    const change = { caller, action: 'budget.created', targetId: formatId('budget', id), atMs: nowMs };
    await recordAudit(sql, { ...change, before: null, after: auditBudget(made) });
    return made;
  });
  return getStatus(context, budget);
}
