import { AppError } from '../../platform/errors.ts';
import { formatId, newUuid } from '../../platform/ids.ts';
import type { Sql } from '../../platform/postgres/database.ts';
import { requireScope } from '../access/require-scope.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import type { Budget } from './budget.ts';
import { BUDGETS } from './budget-columns.ts';
import type { BudgetStatus } from './budget-status.ts';
import { auditBudget, changeBudgets, raiseCurrentCrossings } from './change-budgets.ts';
import { getStatus } from './find-budgets.ts';
import { periodAt } from './match-budgets.ts';
import { BUDGET_LIMITS, type BudgetInput, readBudgetInput } from './read-budget-input.ts';
import { requireInScope } from './require-in-scope.ts';

/**
 * Lets a new budget count the holds that are open, each in the period it was made in. A hold lives
 * for an hour, and another process may have a clock that is a little ahead: it was made in this
 * period or in one beside it.
 */
async function countOpenHolds(sql: Sql, budget: Budget, nowMs: number): Promise<void> {
  const span = periodAt(budget, nowMs);
  const spans =
    budget.period === 'total' ? [span] : [periodAt(budget, span.startMs - 1), span, periodAt(budget, span.endMs)];
  await sql.query('SELECT count_open_holds($1, $2, $3, $4, $5)', [
    budget.organizationId,
    budget.id,
    new Date(nowMs),
    spans.map(({ startMs }) => new Date(startMs)),
    spans.map(({ endMs }) => new Date(endMs)),
  ]);
}

/**
 * Makes a budget. What its scope has used in the current period so far counts from the start, and so
 * do the holds that are open; what that crosses is raised at once.
 * @throws AppError invalid_request, conflict (too many budgets), insufficient_permissions
 */
export async function createBudget(context: Context, input: BudgetInput): Promise<BudgetStatus> {
  const { caller, resources } = context;
  requireScope(caller, 'budgets:write');
  const nowMs = resources.clock();
  const rule = readBudgetInput(context, input, nowMs);
  const organizationId = caller.organization.id;
  const id = newUuid(nowMs);
  const budget = await changeBudgets(context, async (sql) => {
    await requireInScope(sql, caller, rule.scope);
    const { rows: counts } = await sql.query<{ count: number }>(
      'SELECT count(*) FROM budgets WHERE organization_id = $1 AND ended_at IS NULL AND deleted_at IS NULL',
      [organizationId],
    );
    if ((counts[0]?.count ?? 0) >= BUDGET_LIMITS.budgets) {
      throw new AppError('conflict', `An organization has at most ${BUDGET_LIMITS.budgets} budgets.`);
    }
    const { startMs, endMs } = periodAt(rule, nowMs);
    const now = new Date(nowMs);
    const dates = { countedFrom: new Date(startMs), createdAt: now, updatedAt: now, endedAt: null };
    const made = await BUDGETS.insert(sql, { ...rule, organizationId, id, ...dates });
    const periods = [{ startMs, endMs }];
    // Events may be ahead of the clock.
    if (rule.period !== 'total') periods.push(periodAt(rule, endMs));
    for (const { startMs, endMs } of periods) {
      const values = [organizationId, id, new Date(startMs), new Date(endMs)];
      await sql.query('SELECT rebuild_budget_counters($1, $2, $3, $4)', values);
    }
    await countOpenHolds(sql, made, nowMs);
    await raiseCurrentCrossings(sql, made, nowMs);
    const change = { action: 'budget.created', targetId: formatId('budget', id), atMs: nowMs };
    await recordAudit(sql, context, { ...change, before: null, after: auditBudget(made) });
    return { budget: made, isChanged: true };
  });
  return getStatus(context, budget);
}
