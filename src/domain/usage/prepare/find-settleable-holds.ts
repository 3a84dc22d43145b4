import type { Context } from '../../context.ts';

/**
 * The ids among `holdIds` (UUIDs) that the caller may settle, whatever became of them meanwhile.
 */
export async function findSettleableHolds(
  { caller, resources }: Context,
  holdIds: readonly string[],
): Promise<Set<string>> {
  if (holdIds.length === 0) return new Set();
  const { rows } = await resources.database.retryingLostConnections(() =>
    resources.database.pool.query<{ id: string }>(
      `SELECT id FROM holds
        WHERE organization_id = $1 AND id = ANY ($2::uuid[]) AND ($3::uuid IS NULL OR team_id = $3)`,
      [caller.organization.id, holdIds, caller.teamId],
    ),
  );
  return new Set(rows.map(({ id }) => id));
}
