import type { Prisma, Team } from '../../../prisma/generated/client/client.ts';
import { AppError } from '../../platform/errors.ts';
import { parseId } from '../../platform/ids.ts';
import type { Models } from '../../platform/postgres/database.ts';
import { isUniqueViolation } from '../../platform/postgres/unique-violation.ts';
import type { Caller } from '../access/caller.ts';

export type { Team };

const LIVING_NAME_INDEX = 'teams_living_name_key';

/**
 * The tenant wall of teams: the living ones of the caller's organization, or the one team that its
 * key is bound to.
 */
export function whereTeams(caller: Caller) {
  const where = { organizationId: caller.organization.id, deletedAt: null };
  return (caller.teamId === null ? where : { ...where, id: caller.teamId }) satisfies Prisma.TeamWhereInput;
}

/**
 * A living team by its TypeID. Asks no scope: the verbs do.
 * @throws AppError not_found, the same for a team that is missing, deleted, another's, or that the
 * key may not see
 */
export async function getVisibleTeam(models: Models, caller: Caller, id: string): Promise<Team> {
  const uuid = parseId('team', id);
  const team = uuid && (await models.team.findFirst({ where: { AND: whereTeams(caller), id: uuid } }));
  if (!team) throw new AppError('not_found', 'There is no team with this id.');
  return team;
}

/**
 * The same, locked until the transaction ends.
 * @throws AppError not_found
 */
export async function lockTeam(models: Models, caller: Caller, id: string): Promise<Team> {
  const [organizationId, uuid] = [caller.organization.id, parseId('team', id)];
  await models.$executeRaw`
    SELECT FROM teams WHERE organization_id = ${organizationId}::uuid AND id = ${uuid}::uuid FOR UPDATE`;
  return getVisibleTeam(models, caller, id);
}

/**
 * Only a key of the whole organization creates and deletes teams.
 * @throws AppError insufficient_permissions
 */
export function requireWholeOrganization(caller: Caller): void {
  if (caller.teamId === null) return;
  throw new AppError(
    'insufficient_permissions',
    'This API key is bound to a team; only a key of the whole organization makes and deletes teams.',
    { details: { requiredScope: 'teams:write' } },
  );
}

/** What was thrown, or `conflict` where it says that the name is taken. */
export function orNameTaken(error: unknown, name: string): unknown {
  if (!isUniqueViolation(error, LIVING_NAME_INDEX)) return error;
  return new AppError('conflict', `There is a team named ${JSON.stringify(name)} already.`);
}
