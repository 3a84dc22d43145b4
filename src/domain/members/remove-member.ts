import { requireScope } from '../access/require-scope.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { revokeMemberKeys } from './fit-keys.ts';
import { lockMember, type Member, type MemberPlace, readMember, requireAnotherOwner } from './member.ts';
import { requireRoleReach } from './require-role-reach.ts';

/**
 * Removes a member from its team and revokes its keys. Its usage stays, under its name. A member
 * may remove itself.
 * @returns the member as it was
 * @throws AppError not_found, conflict (the last owner), insufficient_permissions
 */
export async function removeMember(context: Context, input: MemberPlace): Promise<Member> {
  const { caller, resources } = context;
  requireScope(caller, 'teams:write');
  const atMs = resources.clock();
  const removed = await resources.database.change(async (models) => {
    const member = await lockMember(models, caller, input);
    const { email, name, role } = member;
    requireRoleReach(caller, role);
    if (role === 'owner') await requireAnotherOwner(models, caller, member);
    await models.member.update({ where: { id: member.id }, data: { removedAt: new Date(atMs) } });
    const before = { email, name, role };
    await recordAudit(models, context, { action: 'member.removed', targetId: input.id, before, after: null, atMs });
    await revokeMemberKeys(models, context, member.id, atMs);
    return member;
  });
  resources.changes.forget(caller.organization.id);
  return readMember(removed);
}
