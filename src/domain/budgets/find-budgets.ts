import { parseId } from '../../platform/ids.ts';
import { type Page, type PageInput, parseUuidCursor, readPageSize } from '../../platform/page.ts';
import type { Sql } from '../../platform/postgres/database.ts';
import type { Caller } from '../access/caller.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import type { Budget } from './budget.ts';
import { type BudgetRow, readBudget } from './budget-row.ts';
import { type BudgetStatus, readBudgetStatuses } from './budget-status.ts';
import { noSuchBudget } from './read-budget-input.ts';

export const BUDGET_CURSOR = 'budget';

/** The tenant wall of budgets: the organization's living ones; for a key bound to a team, those of that team. */
function whereBudgets(caller: Caller): { conditions: string[]; values: unknown[] } {
  const conditions = ['organization_id = $1', 'deleted_at IS NULL'];
  const values: unknown[] = [caller.organization.id];
  if (caller.teamId !== null) {
    values.push(caller.teamId);
    conditions.push('team_id = $2');
  }
  return { conditions, values };
}

/**
 * A budget by its TypeID. Asks no scope: the verbs do.
 * @throws AppError not_found
 */
export async function getVisibleBudget(sql: Sql, caller: Caller, id: string): Promise<Budget> {
  const uuid = parseId('budget', id);
  if (uuid === null) throw noSuchBudget();
  const { conditions, values } = whereBudgets(caller);
  values.push(uuid);
  const { rows } = await sql.query<BudgetRow>(
    `SELECT * FROM budgets WHERE ${conditions.join(' AND ')} AND id = $${values.length}`,
    values,
  );
  if (!rows[0]) throw noSuchBudget();
  return readBudget(rows[0]);
}

/** Where one budget stands. */
export async function getStatus({ resources }: Context, budget: Budget): Promise<BudgetStatus> {
  const { database, clock } = resources;
  const [status] = await readBudgetStatuses(database.pool, budget.organizationId, [budget], clock());
  if (!status) throw new Error('one budget in, one status out');
  return status;
}

/** @throws AppError not_found, insufficient_permissions */
export async function getBudget(context: Context, id: string): Promise<BudgetStatus> {
  requireScope(context.caller, 'budgets:read');
  return getStatus(context, await getVisibleBudget(context.resources.database.pool, context.caller, id));
}

/**
 * The budgets, newest first, and where they stand.
 * @throws AppError invalid_request, insufficient_permissions
 */
export async function listBudgets({ caller, resources }: Context, question: PageInput): Promise<Page<BudgetStatus>> {
  requireScope(caller, 'budgets:read');
  const size = readPageSize(question.first);
  const { conditions, values } = whereBudgets(caller);
  if (question.after) {
    values.push(parseUuidCursor(BUDGET_CURSOR, question.after));
    conditions.push(`id < $${values.length}`);
  }
  values.push(size + 1);
  const { pool } = resources.database;
  const { rows } = await pool.query<BudgetRow>(
    `SELECT * FROM budgets WHERE ${conditions.join(' AND ')} ORDER BY id DESC LIMIT $${values.length}`,
    values,
  );
  const budgets = rows.slice(0, size).map(readBudget);
  const items = await readBudgetStatuses(pool, caller.organization.id, budgets, resources.clock());
  return { items, hasMore: rows.length > size };
}

/** So many budgets go with an answer about costs. */
const MAX_COST_BUDGETS = 100;

/** The budgets in USD, the fullest first, as they go with an answer about costs. Asks no scope: the verb does. */
export async function listCostBudgets({ caller, resources }: Context): Promise<BudgetStatus[]> {
  const { conditions, values } = whereBudgets(caller);
  const { pool } = resources.database;
  const { rows } = await pool.query<BudgetRow>(
    `SELECT * FROM budgets WHERE ${conditions.join(' AND ')} AND unit = 'usd' ORDER BY id DESC LIMIT ${MAX_COST_BUDGETS}`,
    values,
  );
  const statuses = await readBudgetStatuses(pool, caller.organization.id, rows.map(readBudget), resources.clock());
  return statuses.sort((a, b) => Number(b.percent) - Number(a.percent));
}
