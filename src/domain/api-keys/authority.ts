import { AppError } from '../../platform/errors.ts';
import type { Models } from '../../platform/postgres/database.ts';
import type { Caller } from '../access/caller.ts';
import { requireScope } from '../access/require-scope.ts';
import { MEMBER_ROLES, type MemberRoleName } from '../access/roles.ts';
import { scopesWithin } from '../access/stored-api-key.ts';
import type { Context } from '../context.ts';

/** What the caller's key may do at this moment, while its rows are locked. */
export interface Authority {
  scopes: ReadonlySet<string>;
  /** The role of the member whose key it is. */
  role: MemberRoleName | null;
}

function endedMeanwhile(): AppError {
  return new AppError('invalid_api_key', 'This API key was revoked or rotated while the request was under way.');
}

/**
 * Locks a living team of the caller's organization until the transaction ends, so that it is not
 * deleted meanwhile.
 * @returns false where there is no such team
 */
export async function lockLivingTeam(models: Models, { organization }: Caller, teamId: string): Promise<boolean> {
  const teams = await models.$queryRaw<object[]>`
    SELECT id FROM teams
     WHERE organization_id = ${organization.id}::uuid AND id = ${teamId}::uuid AND deleted_at IS NULL FOR SHARE`;
  return teams.length > 0;
}

async function lockRole(models: Models, { organization, memberId }: Caller): Promise<MemberRoleName | null> {
  if (memberId === null) return null;
  const [member] = await models.$queryRaw<{ role: MemberRoleName }[]>`
    SELECT role::text AS role FROM members
     WHERE organization_id = ${organization.id}::uuid AND id = ${memberId}::uuid AND removed_at IS NULL FOR SHARE`;
  if (!member) throw endedMeanwhile();
  return member.role;
}

/**
 * Locks the caller's key, and the key `targetId` with it, until the transaction ends, and reads what
 * the caller may do. The caller was admitted before, perhaps by what a process remembered: here its
 * secret must still be good. So nothing is made with a key once its revocation, its rotation, the
 * removal of its member or the deletion of its team is committed, and what was made before is seen by
 * whoever does that. Its scopes may have been cut meanwhile, so they are asked again.
 *
 * Locks are always taken in this order: team, member, keys by their ids, organization. Those who
 * change several keys of a team or a member lock that first.
 * @throws AppError invalid_api_key, insufficient_permissions
 */
export async function lockAuthority(
  models: Models,
  { caller, resources }: Context,
  targetId: string | null = null,
): Promise<Authority> {
  const { organization, apiKeyId, teamId } = caller;
  if (teamId !== null && !(await lockLivingTeam(models, caller, teamId))) throw endedMeanwhile();
  const role = await lockRole(models, caller);
  const now = new Date(resources.clock());
  const hash = Buffer.from(caller.secretHash);
  const keys = await models.$queryRaw<{ id: string; scopes: string[]; is_valid: boolean | null }[]>`
    SELECT id, scopes, revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ${now})
           AND (secret_hash = ${hash} OR (previous_secret_hash = ${hash} AND previous_secret_until > ${now})) AS is_valid
      FROM api_keys
     WHERE organization_id = ${organization.id}::uuid AND id IN (${apiKeyId}::uuid, ${targetId ?? apiKeyId}::uuid)
     ORDER BY id FOR NO KEY UPDATE`;
  const own = keys.find(({ id }) => id === apiKeyId);
  if (!own?.is_valid) throw endedMeanwhile();
  const scopes = scopesWithin(own.scopes, role);
  requireScope({ ...caller, scopes }, 'keys:write');
  return { scopes, role };
}

function lacks(requiredScope: string, message: string): AppError {
  return new AppError('insufficient_permissions', message, { details: { requiredScope } });
}

/**
 * Refuses a key that is stronger than the caller's: one with a scope beyond its own, or of a member
 * whose role is above the caller's.
 * @param memberRole the role of the member whose key it is
 * @throws AppError insufficient_permissions, with `requiredScope`
 */
export function requireNoStronger(
  { scopes, role }: Authority,
  wanted: { scopes: readonly string[]; memberRole: MemberRoleName | null },
): void {
  const missing = scopes.has('admin') ? undefined : wanted.scopes.find((scope) => !scopes.has(scope));
  if (missing !== undefined) {
    throw lacks(missing, `This API key lacks the scope ${missing}, so it cannot make or change a key that has it.`);
  }
  const { memberRole } = wanted;
  if (role === null || memberRole === null || MEMBER_ROLES.indexOf(role) <= MEMBER_ROLES.indexOf(memberRole)) return;
  throw lacks(
    'admin',
    `This API key is of a member (${role}), so it cannot change the key of a member (${memberRole}).`,
  );
}
