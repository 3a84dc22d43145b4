import { requireScope } from '../access/require-scope.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { getOpenInvite, type Invite, whereInvites } from './invite.ts';
import { requireRoleReach } from './require-role-reach.ts';

/**
 * Revokes an open invite: its link is dead. Where it is accepted at the same moment, one of the two
 * happens, and the other finds nothing.
 * @param input.id TypeID of the invite
 * @returns the invite as it was
 * @throws AppError not_found, insufficient_permissions
 */
export async function revokeInvite(context: Context, input: { id: string }): Promise<Invite> {
  const { caller, resources } = context;
  requireScope(caller, 'teams:write');
  const atMs = resources.clock();
  return resources.database.change(async (models) => {
    const invite = await getOpenInvite(models, caller, input.id, atMs);
    requireRoleReach(caller, invite.role);
    const { count } = await models.invite.updateMany({
      where: { AND: whereInvites(caller, atMs), id: invite.id },
      data: { revokedAt: new Date(atMs) },
    });
    // Accepted or revoked since it was read: it says so.
    if (count === 0) return getOpenInvite(models, caller, input.id, atMs);
    const { email, role } = invite;
    const change = { action: 'invite.revoked', targetId: input.id, before: { email, role }, after: null, atMs };
    await recordAudit(models, context, change);
    return invite;
  });
}
