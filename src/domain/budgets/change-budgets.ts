import { formatId } from '../../platform/ids.ts';
import type { Sql } from '../../platform/postgres/database.ts';
import type { Context } from '../context.ts';
import type { Budget } from './budget.ts';
import { periodAt } from './match-budgets.ts';

/** What a change has made of a budget. */
interface Change {
  budget: Budget;
  /** False: all is as it was, so no writer needs to read the list again. */
  isChanged: boolean;
}

/**
 * Runs a change of an organization's budgets in one transaction, under the lock that its writers
 * take turns by, and raises their version: a writer that matched its events against the older list
 * is refused, reads the new one and repeats. So every event counts either before the change or
 * after it, and none twice. What raises that have run out uncover is announced first, by the rule
 * that was in force.
 * @returns the budget as it is stored
 */
export async function changeBudgets(context: Context, work: (sql: Sql) => Promise<Change>): Promise<Budget> {
  const { caller, resources } = context;
  const organizationId = caller.organization.id;
  const { budget, isChanged } = await resources.database.transaction(async (sql) => {
    await sql.query('SELECT lock_organization($1)', [organizationId]);
    await sql.query('SELECT end_raises($1, $2)', [organizationId, new Date(resources.clock())]);
    const change = await work(sql);
    if (change.isChanged) {
      await sql.query('UPDATE organizations SET budget_version = budget_version + 1 WHERE id = $1', [organizationId]);
    }
    return change;
  });
  if (isChanged) resources.changes.forget(organizationId);
  return budget;
}

/** Raises what the counters of the budget's current period have crossed under its present limit. */
export async function raiseCurrentCrossings(sql: Sql, budget: Budget, nowMs: number): Promise<void> {
  const { startMs } = periodAt(budget, nowMs);
  await sql.query(
    `SELECT raise_crossings($4, array_agg(organization_id), array_agg(budget_id), array_agg(subject), array_agg(period_start))
       FROM budget_counters WHERE organization_id = $1 AND budget_id = $2 AND period_start = $3
     HAVING count(*) > 0`,
    [budget.organizationId, budget.id, new Date(startMs), new Date(nowMs)],
  );
}

/** What the audit log keeps of a budget: ids as the API has them. */
export function auditBudget({ organizationId: _, countedFrom: __, raiseEnded: ___, ...budget }: Budget): object {
  const { teamId, apiKeyId } = budget.scope;
  const scope = {
    ...budget.scope,
    teamId: teamId && formatId('team', teamId),
    apiKeyId: apiKeyId && formatId('apiKey', apiKeyId),
  };
  return { ...budget, id: formatId('budget', budget.id), scope };
}
