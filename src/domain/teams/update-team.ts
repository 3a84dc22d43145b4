import { requireScope } from '../access/require-scope.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { readName } from '../input/read-name.ts';
import { lockTeam, orNameTaken, type Team, whereTeams } from './team.ts';

export interface UpdateTeamInput {
  /** TypeID of the team. */
  id: string;
  /** Not given: it keeps its name. */
  name?: string | null;
}

/**
 * Changes a team. What changes nothing is not audited.
 * @throws AppError not_found, conflict (the name is taken), invalid_request,
 * insufficient_permissions
 */
export async function updateTeam(context: Context, input: UpdateTeamInput): Promise<Team> {
  const { caller, resources } = context;
  requireScope(caller, 'teams:write');
  const given = input.name ?? null;
  const wanted = given === null ? null : readName(given);
  const atMs = resources.clock();
  try {
    return await resources.database.change(async (models) => {
      const team = await lockTeam(models, caller, input.id);
      const name = wanted ?? team.name;
      if (name === team.name) return team;
      const updated = await models.team.update({
        where: { AND: whereTeams(caller), id: team.id },
        data: { name, updatedAt: new Date(atMs) },
      });
      const [before, after] = [{ name: team.name }, { name }];
      await recordAudit(models, context, { action: 'team.updated', targetId: input.id, before, after, atMs });
      return updated;
    });
  } catch (error) {
    throw orNameTaken(error, wanted ?? '');
  }
}
