import { setBounded } from '../../platform/bounded-map.ts';
import type { Database } from '../../platform/postgres/database.ts';
import type { TenantChanges } from '../access/tenant-changes.ts';

/** Whether teams exist, from memory where it can: every event that names a team asks. */
export interface TeamDirectory {
  /** True when this process knows the team to exist in the organization; false says only "ask". */
  isKnown(organizationId: string, teamId: string): boolean;
  /** The ids among `teamIds` that exist in the organization and are not deleted. */
  findExisting(organizationId: string, teamIds: readonly string[]): Promise<Set<string>>;
  /** Remembers living teams of the organization, as they were read at `moment`. */
  remember(organizationId: string, teamIds: readonly string[], moment: number): void;
}

const MAX_KNOWN = 100_000;

export function createTeamDirectory(database: Database, changes: TenantChanges): TeamDirectory {
  /** The moment of the read, see TenantChanges. */
  const readAt = new Map<string, number>();
  const keyOf = (organizationId: string, teamId: string) => teamId + organizationId;

  function isKnown(organizationId: string, teamId: string): boolean {
    const moment = readAt.get(keyOf(organizationId, teamId));
    return moment !== undefined && changes.isCurrent(organizationId, moment);
  }

  function remember(organizationId: string, teamIds: readonly string[], moment: number): void {
    for (const teamId of teamIds) setBounded(readAt, keyOf(organizationId, teamId), moment, MAX_KNOWN);
  }

  return {
    isKnown,
    remember,
    async findExisting(organizationId, teamIds) {
      // What is known now is not asked for again later: it may be forgotten while the database is asked.
      const existing = new Set(teamIds.filter((teamId) => isKnown(organizationId, teamId)));
      const unknown = [...new Set(teamIds)].filter((teamId) => !existing.has(teamId));
      if (unknown.length === 0) return existing;
      const moment = changes.moment();
      // Events wait for this, so it is a prepared statement, not Prisma's.
      const { rows } = await database.retryingLostConnections(() =>
        database.pool.query<{ id: string }>({
          name: 'find-teams',
          text: 'SELECT id FROM teams WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND deleted_at IS NULL',
          values: [organizationId, unknown],
        }),
      );
      const found = rows.map(({ id }) => id);
      remember(organizationId, found, moment);
      for (const id of found) existing.add(id);
      return existing;
    },
  };
}
