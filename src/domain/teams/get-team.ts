import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import { getVisibleTeam, type Team } from './team.ts';

/**
 * A living team by its TypeID.
 * @throws AppError not_found, insufficient_permissions
 */
export async function getTeam({ caller, resources }: Context, id: string): Promise<Team> {
  requireScope(caller, 'teams:read');
  return getVisibleTeam(resources.database.prisma, caller, id);
}
