import { formatId, newUuid } from '../../platform/ids.ts';
import { requireScope } from '../access/require-scope.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { readName } from '../input/read-name.ts';
import { orNameTaken, requireWholeOrganization, type Team } from './team.ts';

export interface CreateTeamInput {
  /** 1 to 100 characters, white space around them not counted. */
  name: string;
}

/**
 * Makes a team. Its name is unique among the organization's living teams, however many are made at
 * once.
 * @throws AppError conflict, invalid_request, insufficient_permissions (also for a key that is
 * bound to a team)
 */
export async function createTeam(context: Context, input: CreateTeamInput): Promise<Team> {
  const { caller, resources } = context;
  requireScope(caller, 'teams:write');
  requireWholeOrganization(caller);
  const name = readName(input.name);
  const atMs = resources.clock();
  const now = new Date(atMs);
  const id = newUuid(atMs);
  try {
    return await resources.database.change(async (models) => {
      const team = await models.team.create({
        data: { id, organizationId: caller.organization.id, name, createdAt: now, updatedAt: now },
      });
      const targetId = formatId('team', id);
      await recordAudit(models, context, { action: 'team.created', targetId, before: null, after: { name }, atMs });
      return team;
    });
  } catch (error) {
    throw orNameTaken(error, name);
  }
}
