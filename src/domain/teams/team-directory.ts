import { setBounded } from '../../platform/bounded-map.ts';
import type { Database } from '../../platform/postgres/database.ts';

/** Whether teams exist, from memory where it can: every event that names a team asks. */
export interface TeamDirectory {
  /** True when this process knows the team to exist in the organization; false says only "ask". */
  isKnown(organizationId: string, teamId: string): boolean;
  /** The ids among `teamIds` that exist in the organization and are not deleted. */
  findExisting(organizationId: string, teamIds: readonly string[]): Promise<Set<string>>;
  /** Forgets a team that this process has deleted. */
  forget(teamId: string): void;
}

const FRESH_FOR_MS = 5_000;
const MAX_KNOWN = 100_000;

export function createTeamDirectory(database: Database, clock: () => number): TeamDirectory {
  const freshUntil = new Map<string, number>();
  const keyOf = (organizationId: string, teamId: string) => teamId + organizationId;

  function isKnown(organizationId: string, teamId: string): boolean {
    const until = freshUntil.get(keyOf(organizationId, teamId));
    return until !== undefined && until > clock();
  }

  return {
    isKnown,
    async findExisting(organizationId, teamIds) {
      const unknown = [...new Set(teamIds)].filter((teamId) => !isKnown(organizationId, teamId));
      if (unknown.length > 0) {
        // Events wait for this, so it is a prepared statement, not Prisma's.
        const { rows } = await database.retryingLostConnections(() =>
          database.pool.query<{ id: string }>({
            name: 'find-teams',
            text: 'SELECT id FROM teams WHERE organization_id = $1 AND id = ANY($2::uuid[]) AND deleted_at IS NULL',
            values: [organizationId, unknown],
          }),
        );
        for (const { id } of rows) {
          setBounded(freshUntil, keyOf(organizationId, id), clock() + FRESH_FOR_MS, MAX_KNOWN);
        }
      }
      return new Set(teamIds.filter((teamId) => isKnown(organizationId, teamId)));
    },
    forget(teamId) {
      for (const key of freshUntil.keys()) if (key.startsWith(teamId)) freshUntil.delete(key);
    },
  };
}
