import { formatId, newUuid } from '../../platform/ids.ts';
import { requireScope } from '../access/require-scope.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { readName } from '../input/read-name.ts';
import { orNameTaken, requireWholeOrganization, TEAM_COLUMNS, type Team } from './team.ts';

export interface CreateTeamInput {
  /** 1 to 100 characters, white space around them not counted. */
  name: string;
}

/**
 * Makes a team. Its name is unique among the organization's living teams, however many are made at once.
 * @throws AppError conflict, invalid_request, insufficient_permissions (also for a key that is bound to a team)
 */
export async function createTeam({ caller, resources }: Context, input: CreateTeamInput): Promise<Team> {
  requireScope(caller, 'teams:write');
  requireWholeOrganization(caller);
  const name = readName(input.name);
  const atMs = resources.clock();
  const id = newUuid(atMs);
  try {
    return await resources.database.transaction(async (sql) => {
      const { rows } = await sql.query<Team>(
        `INSERT INTO teams (id, organization_id, name, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)
         RETURNING ${TEAM_COLUMNS}`,
        [id, caller.organization.id, name, new Date(atMs)],
      );
      const targetId = formatId('team', id);
      await recordAudit(sql, { caller, action: 'team.created', targetId, before: null, after: { name }, atMs });
      return rows[0] as Team;
    });
  } catch (error) {
    throw orNameTaken(error, name);
  }
}
