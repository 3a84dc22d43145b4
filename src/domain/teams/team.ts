import type { Prisma } from '../../../prisma/generated/client/client.ts';
import { AppError } from '../../platform/errors.ts';
import { parseId } from '../../platform/ids.ts';
import type { Sql } from '../../platform/postgres/database.ts';
import { isUniqueViolation } from '../../platform/postgres/unique-violation.ts';
import type { Caller } from '../access/caller.ts';

/** A part of an organization that usage and budgets can be told apart by. Ids are UUIDs. */
export interface Team {
  id: string;
  organizationId: string;
  name: string;
  createdAt: Date;
  updatedAt: Date;
  /** Set: it is gone, and only its usage stays. */
  deletedAt: Date | null;
}

export const TEAM_COLUMNS = `
  id, organization_id AS "organizationId", name, created_at AS "createdAt", updated_at AS "updatedAt",
  deleted_at AS "deletedAt"`;

const LIVING_NAME_INDEX = 'teams_living_name_key';

/** The tenant wall of teams: the living ones of the caller's organization, or the one team that its key is bound to. */
export function whereTeams(caller: Caller) {
  const where = { organizationId: caller.organization.id, deletedAt: null };
  return (caller.teamId === null ? where : { ...where, id: caller.teamId }) satisfies Prisma.TeamWhereInput;
}

/** The one failure for a team that is not there, is gone, or is another's. */
export function noSuchTeam(): AppError {
  return new AppError('not_found', 'There is no team with this id.');
}

/**
 * The team by its TypeID, held still until the transaction ends.
 * @throws AppError not_found
 */
export async function lockTeam(sql: Sql, caller: Caller, id: string): Promise<Team> {
  const uuid = parseId('team', id);
  if (uuid === null || (caller.teamId !== null && caller.teamId !== uuid)) throw noSuchTeam();
  const { rows } = await sql.query<Team>(
    `SELECT ${TEAM_COLUMNS} FROM teams WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL FOR UPDATE`,
    [caller.organization.id, uuid],
  );
  if (!rows[0]) throw noSuchTeam();
  return rows[0];
}

/**
 * Teams are made and deleted by keys of the whole organization.
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
