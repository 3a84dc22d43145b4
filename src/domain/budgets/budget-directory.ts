import type { Database } from '../../platform/postgres/database.ts';
import { BUDGETS } from './budget-columns.ts';
import { type BudgetIndex, indexBudgets } from './match-budgets.ts';

/** An organization's living budgets, as of one version of them. */
export interface BudgetList {
  version: number;
  index: BudgetIndex;
}

/**
 * What this process knows of each organization's budgets. It may be old: whoever writes by it hands its version to the
 * database, which refuses an old one, and then reads it again. So a change counts from its commit on, everywhere.
 */
export interface BudgetDirectory {
  peek(organizationId: string): BudgetList | undefined;
  get(organizationId: string): Promise<BudgetList>;
  /** Reads again what may have changed. */
  reload(organizationId: string): Promise<BudgetList>;
}

const MAX_ORGANIZATIONS = 10_000;

/** One snapshot for both, so that the version is that of the list. */
const QUERY = `
  SELECT o.budget_version, b.* FROM organizations o
    LEFT JOIN budgets b ON b.organization_id = o.id AND b.deleted_at IS NULL
   WHERE o.id = $1 ORDER BY b.id`;

/** And the columns of a budget; all null where the organization has no budget. */
interface Row {
  budget_version: number;
  id: string | null;
}

export function createBudgetDirectory(database: Database): BudgetDirectory {
  const lists = new Map<string, BudgetList>();

  async function reload(organizationId: string): Promise<BudgetList> {
    const { rows } = await database.retryingLostConnections(() => database.pool.query<Row>(QUERY, [organizationId]));
    const budgets = rows.filter((row) => row.id !== null).map(BUDGETS.read);
    const list = { version: rows[0]?.budget_version ?? 0, index: indexBudgets(budgets) };
    if (lists.size >= MAX_ORGANIZATIONS) lists.clear();
    lists.set(organizationId, list);
    return list;
  }

  return {
    peek: (organizationId) => lists.get(organizationId),
    get: async (organizationId) => lists.get(organizationId) ?? reload(organizationId),
    reload,
  };
}
