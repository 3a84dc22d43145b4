import { createBatchLoader } from '../../platform/batch-loader.ts';
import { setBounded } from '../../platform/bounded-map.ts';
import type { Database, Sql } from '../../platform/postgres/database.ts';
import type { TenantChanges } from '../access/tenant-changes.ts';
import type { Budget } from './budget.ts';
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
  /** The list that was read last, however old it is. */
  peek(organizationId: string): BudgetList | undefined;
  /** Whether a list is there, and no change of it was heard of. */
  isCurrent(organizationId: string): boolean;
  /** The list, read again where a change was heard of. */
  get(organizationId: string): Promise<BudgetList>;
  /** Reads again what may have changed. */
  reload(organizationId: string): Promise<BudgetList>;
  /**
   * The same in the transaction of a caller who holds the locks of the organizations: nobody can
   * change these lists before it ends.
   */
  reloadLocked(sql: Sql, organizationIds: readonly string[]): Promise<ReadonlyMap<string, BudgetList>>;
  /** Remembers the living budgets of the organization, as they were read at `moment`. */
  remember(organizationId: string, version: number, budgets: readonly Budget[], moment: number): void;
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

export function createBudgetDirectory(database: Database, changes: TenantChanges): BudgetDirectory {
  const lists = new Map<string, BudgetList & { moment: number }>();

  async function read(sql: Sql, organizationIds: readonly string[]): Promise<BudgetList[]> {
    const { rows } = await sql.query<Row>({ name: 'load-budgets', text: QUERY, values: [organizationIds] });
    const byOwner = Map.groupBy(rows, ({ owner }) => owner);
    return organizationIds.map((id) => {
      const own = byOwner.get(id) ?? [];
      const budgets = own.filter((row) => row.id !== null).map(BUDGETS.read);
      return { version: own[0]?.budget_version ?? 0, index: indexBudgets(budgets) };
    });
  }

  const stored = createBatchLoader((organizationIds: readonly string[]) =>
    database.retryingLostConnections(() => read(database.pool, organizationIds)),
  );

  function keep(organizationId: string, list: BudgetList, moment: number): void {
    setBounded(lists, organizationId, { ...list, moment }, MAX_ORGANIZATIONS);
  }

  async function reload(organizationId: string): Promise<BudgetList> {
    const moment = changes.moment();
    const list = await stored.load(organizationId);
    keep(organizationId, list, moment);
    return list;
  }

  function isCurrent(organizationId: string): boolean {
    const known = lists.get(organizationId);
    return known !== undefined && changes.isCurrent(organizationId, known.moment);
  }

  return {
    peek: (organizationId) => lists.get(organizationId),
    isCurrent,
    async get(organizationId) {
      const known = lists.get(organizationId);
      return known !== undefined && isCurrent(organizationId) ? known : reload(organizationId);
    },
    reload,
    async reloadLocked(sql, organizationIds) {
      const moment = changes.moment();
      const found = await read(sql, organizationIds);
      const byOrganization = new Map(found.map((list, at) => [organizationIds[at] ?? '', list]));
      for (const [id, list] of byOrganization) keep(id, list, moment);
      return byOrganization;
    },
    remember(organizationId, version, budgets, moment) {
      keep(organizationId, { version, index: indexBudgets(budgets) }, moment);
    },
  };
}
