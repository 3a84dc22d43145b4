import { formatId } from '../../platform/ids.ts';
import type { Sql } from '../../platform/postgres/database.ts';
import { requireScope } from '../access/require-scope.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { lockTeam, requireWholeOrganization, TEAM_COLUMNS, type Team } from './team.ts';

/** Keys that are bound to the team could do nothing more: they end with it. */
async function revokeKeys(sql: Sql, { caller }: Context, team: Team, atMs: number): Promise<void> {
  const { rows } = await sql.query<{ id: string; name: string }>(
    `UPDATE api_keys SET revoked_at = $3 WHERE organization_id = $1 AND team_id = $2 AND revoked_at IS NULL
     RETURNING id, name`,
    [team.organizationId, team.id, new Date(atMs)],
  );
  for (const { id, name } of rows) {
    const targetId = formatId('apiKey', id);
    await recordAudit(sql, { caller, action: 'api_key.revoked', targetId, before: { name }, after: null, atMs });
  }
}

/**
 * Deletes a team and revokes the keys that are bound to it. Its usage stays, its name is free again.
 * @param input.id TypeID of the team
 * @returns the team as it was, with `deletedAt`
 * @throws AppError not_found, insufficient_permissions (also for a key that is bound to a team)
 */
export async function deleteTeam(context: Context, input: { id: string }): Promise<Team> {
  const { caller, resources } = context;
  requireScope(caller, 'teams:write');
  requireWholeOrganization(caller);
  const atMs = resources.clock();
  const deleted = await resources.database.transaction(async (sql) => {
    const team = await lockTeam(sql, caller, input.id);
    const { rows } = await sql.query<Team>(
      `UPDATE teams SET deleted_at = $3, updated_at = $3 WHERE organization_id = $1 AND id = $2
       RETURNING ${TEAM_COLUMNS}`,
      [team.organizationId, team.id, new Date(atMs)],
    );
    const before = { name: team.name };
    await recordAudit(sql, { caller, action: 'team.deleted', targetId: input.id, before, after: null, atMs });
    await revokeKeys(sql, context, team, atMs);
    return rows[0] as Team;
  });
  resources.teams.forget(deleted.id);
  resources.apiKeys.clear();
  return deleted;
}
