import { createBatchLoader } from '../../platform/batch-loader.ts';
import { setBounded } from '../../platform/bounded-map.ts';
import type { Database } from '../../platform/postgres/database.ts';
import { BUDGETS } from './budget-columns.ts';
import { type BudgetIndex, indexBudgets } from './match-budgets.ts';

/** An organization's living budgets, as of one version of them. */
export interface BudgetList {
  version: number;
  index: BudgetIndex;
}

/**
 * What this process knows of each organization's budgets. It may be old: whoever writes by it hands
 * its version to the database, which refuses an old one, and then reads it again. So a change
 * counts from its commit on, everywhere.
 */
export interface BudgetDirectory {
  peek(organizationId: string): BudgetList | undefined;
  get(organizationId: string): Promise<BudgetList>;
  /** Reads again what may have changed. */
  reload(organizationId: string): Promise<BudgetList>;
}

const MAX_ORGANIZATIONS = 100_000;

/** One snapshot for both, so that the version is that of the list. */
const QUERY = `
  SELECT o.id AS owner, o.budget_version, b.* FROM organizations o
    LEFT JOIN budgets b ON b.organization_id = o.id AND b.ended_at IS NULL AND b.deleted_at IS NULL
   WHERE o.id = ANY($1::uuid[]) ORDER BY b.id`;

/** And the columns of a budget; all null where the organization has no budget. */
interface Row {
  owner: string;
  budget_version: number;
  id: string | null;
}

export function createBudgetDirectory(database: Database): BudgetDirectory {
  const lists = new Map<string, BudgetList>();

  async function loadAll(organizationIds: readonly string[]): Promise<BudgetList[]> {
    const { rows } = await database.retryingLostConnections(() =>
      database.pool.query<Row>({ name: 'load-budgets', text: QUERY, values: [organizationIds] }),
    );
    const byOwner = Map.groupBy(rows, ({ owner }) => owner);
    return organizationIds.map((id) => {
      const own = byOwner.get(id) ?? [];
      const budgets = own.filter((row) => row.id !== null).map(BUDGETS.read);
      return { version: own[0]?.budget_version ?? 0, index: indexBudgets(budgets) };
    });
  }

  const stored = createBatchLoader(loadAll);

  async function reload(organizationId: string): Promise<BudgetList> {
    const list = await stored.load(organizationId);
    setBounded(lists, organizationId, list, MAX_ORGANIZATIONS);
    return list;
  }

  return {
    peek: (organizationId) => lists.get(organizationId),
    get: async (organizationId) => lists.get(organizationId) ?? reload(organizationId),
    reload,
  };
}
