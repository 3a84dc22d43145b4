import { parseId } from '../../platform/ids.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import { noSuchTeam, type Team, whereTeams } from './team.ts';

/**
 * A living team by its TypeID.
 * @throws AppError not_found, also where the id is none or the key may not see it; insufficient_permissions
 */
export async function getTeam({ caller, resources }: Context, id: string): Promise<Team> {
  requireScope(caller, 'teams:read');
  const uuid = parseId('team', id);
  const team =
    uuid && (await resources.database.prisma.team.findFirst({ where: { AND: [whereTeams(caller), { id: uuid }] } }));
  if (!team) throw noSuchTeam();
  return team;
}
