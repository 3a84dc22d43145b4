import { AppError } from '../../platform/errors.ts';
import { parseId } from '../../platform/ids.ts';
import { type Page, type PageInput, parseUuidCursor, readPageSize } from '../../platform/page.ts';
import type { Sql } from '../../platform/postgres/database.ts';
import { type Where, where } from '../../platform/postgres/where.ts';
import type { Caller } from '../access/caller.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import type { Budget } from './budget.ts';
import { BUDGETS } from './budget-columns.ts';
import { type BudgetStatus, readBudgetStatuses } from './budget-status.ts';

export const BUDGET_CURSOR = 'budget';

/**
 * The tenant wall of budgets: the organization's living ones; for a key bound to a team, those of
 * that team.
 */
function whereBudgets(caller: Caller): Where {
  const own = where('organization_id = $?', caller.organization.id).and('deleted_at IS NULL');
  return caller.teamId === null ? own : own.and('team_id = $?', caller.teamId);
}

/** Budgets, newest first, at most `limit`. */
async function findBudgets(sql: Sql, { text, values }: Where, limit: number): Promise<Budget[]> {
  const { rows } = await sql.query(`SELECT * FROM budgets WHERE ${text} ORDER BY id DESC LIMIT ${limit}`, values);
  return rows.map(BUDGETS.read);
}

/**
 * A budget by its TypeID. Asks no scope: the verbs do.
 * @throws AppError not_found
 */
export async function getVisibleBudget(sql: Sql, caller: Caller, id: string): Promise<Budget> {
  const uuid = parseId('budget', id);
  const [budget] = uuid === null ? [] : await findBudgets(sql, whereBudgets(caller).and('id = $?', uuid), 1);
  if (!budget) throw new AppError('not_found', 'There is no budget with this id.');
  return budget;
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
  const visible = whereBudgets(caller);
  const { pool } = resources.database;
  const after = parseUuidCursor(BUDGET_CURSOR, question.after);
  const found = await findBudgets(pool, after === null ? visible : visible.and('id < $?', after), size + 1);
  const items = await readBudgetStatuses(pool, caller.organization.id, found.slice(0, size), resources.clock());
  return { items, hasMore: found.length > size };
}

/** The most budgets that go with an answer about costs. */
const MAX_COST_BUDGETS = 100;

/**
 * The budgets in USD, the fullest first, as they go with an answer about costs. Asks no scope: the
 * verb does.
 */
export async function listCostBudgets({ caller, resources }: Context): Promise<BudgetStatus[]> {
  const { pool } = resources.database;
  const budgets = await findBudgets(pool, whereBudgets(caller).and("unit = 'usd'"), MAX_COST_BUDGETS);
  const statuses = await readBudgetStatuses(pool, caller.organization.id, budgets, resources.clock());
  return statuses.sort((a, b) => Number(b.percent) - Number(a.percent));
}
