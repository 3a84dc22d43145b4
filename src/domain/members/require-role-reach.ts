import { AppError } from '../../platform/errors.ts';
import type { Caller } from '../access/caller.ts';
import { isRoleAbove, type MemberRoleName } from '../access/roles.ts';

/**
 * A member's key gives, changes and removes no role above its member's own; so only an owner's
 * makes or removes owners. A key that is no member's is the organization's own, and may do so.
 * @throws AppError insufficient_permissions
 */
export function requireRoleReach(caller: Caller, ...roles: readonly MemberRoleName[]): void {
  const { memberRole } = caller;
  const above = memberRole === null ? undefined : roles.find((role) => isRoleAbove(role, memberRole));
  if (above === undefined) return;
  throw new AppError(
    'insufficient_permissions',
    `This API key belongs to a member with the role ${memberRole}: it gives, changes and removes no role ${above}.`,
    { details: { requiredScope: 'teams:write', requiredRole: above } },
  );
}
