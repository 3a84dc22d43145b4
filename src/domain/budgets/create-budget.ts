import { AppError } from '../../platform/errors.ts';
import { formatId, newUuid } from '../../platform/ids.ts';
import { requireScope } from '../access/require-scope.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { type BudgetRow, readBudget } from './budget-row.ts';
import type { BudgetStatus } from './budget-status.ts';
import { auditBudget, changeBudgets, raiseCurrentCrossings } from './change-budgets.ts';
import { getStatus } from './find-budgets.ts';
import { periodAt } from './match-budgets.ts';
import { BUDGET_LIMITS, type BudgetInput, readBudgetInput, requireScopeTeam } from './read-budget-input.ts';

const INSERT = `
  INSERT INTO budgets (organization_id, id, name, unit, amount, raise_amount, raise_until, period, timezone, team_id,
                       user_id, provider, model, api_key_id, tags, per, thresholds, action, counted_from, created_at,
                       updated_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $20) RETURNING *`;

/**
 * Makes a budget. What its scope has used in the current period so far counts from the start, and what that crosses
 * is raised at once.
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
    const { scope } = rule;
    const draft = { ...rule, organizationId, id, createdAt: new Date(nowMs), updatedAt: new Date(nowMs) };
    const { startMs, endMs } = periodAt(draft, nowMs);
    const { rows } = await sql.query<BudgetRow>(INSERT, [
      organizationId,
      id,
      rule.name,
      rule.unit,
      rule.amount,
      rule.raiseAmount,
      rule.raiseUntil,
      rule.period,
      rule.timezone,
      scope.teamId,
      scope.userId,
      scope.provider,
      scope.model,
      scope.apiKeyId,
      scope.tags === null ? null : JSON.stringify(scope.tags),
      rule.per,
      rule.thresholds,
      rule.action,
      new Date(startMs),
      new Date(nowMs),
    ]);
    const made = readBudget(rows[0] as BudgetRow);
    const periods = [{ startMs, endMs }];
    // Events may be ahead of the clock.
    if (rule.period !== 'total') periods.push(periodAt(draft, endMs));
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
