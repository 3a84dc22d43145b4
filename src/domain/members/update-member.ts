import { requireScope } from '../access/require-scope.ts';
import type { MemberRoleName } from '../access/roles.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { readName } from '../input/read-name.ts';
import { fitKeysToRole } from './fit-keys.ts';
import { lockMember, MEMBER_FIELDS, type Member, type MemberPlace, readMember, requireAnotherOwner } from './member.ts';
import { requireRoleReach } from './require-role-reach.ts';

export interface UpdateMemberInput extends MemberPlace {
  /** Fields that are left out stay as they are. */
  role?: MemberRoleName | null;
  name?: string | null;
}

/**
 * Changes a member's role or name. A new role counts for the member's keys at once in this process,
 * and within a second in others. The team keeps an owner, however many demote at the same time:
 * they do so one at a time, under the team's lock.
 * @throws AppError not_found, conflict (the last owner), invalid_request, insufficient_permissions
 */
export async function updateMember(context: Context, input: UpdateMemberInput): Promise<Member> {
  const { caller, resources } = context;
  requireScope(caller, 'teams:write');
  const given = input.name ?? null;
  const wanted = given === null ? null : readName(given);
  const atMs = resources.clock();
  const updated = await resources.database.change(async (models) => {
    const member = await lockMember(models, caller, input);
    const after = { role: input.role ?? member.role, name: wanted ?? member.name };
    const before = { role: member.role, name: member.name };
    requireRoleReach(caller, before.role, after.role);
    if (after.role === before.role && after.name === before.name) return member;
    if (before.role === 'owner' && after.role !== 'owner') await requireAnotherOwner(models, caller, member);
    const next = await models.member.update({ where: { id: member.id }, data: after, select: MEMBER_FIELDS });
    await recordAudit(models, context, { action: 'member.updated', targetId: input.id, before, after, atMs });
    if (after.role !== before.role) await fitKeysToRole(models, context, member, after.role, atMs);
    return next;
  });
  resources.changes.forget(caller.organization.id);
  return readMember(updated);
}
