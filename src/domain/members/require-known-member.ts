import { invalidField } from '../../platform/errors.ts';
import { parseId } from '../../platform/ids.ts';
import type { Context } from '../context.ts';

/**
 * Requires that a filter names a member of the caller's organization, or of its key's team; one that
 * was removed is known still, because its usage stays.
 * @throws AppError invalid_request
 */
export async function requireKnownMember(
  { caller, resources }: Context,
  memberId: string | null | undefined,
): Promise<void> {
  if (memberId === undefined || memberId === null) return;
  const id = parseId('member', memberId);
  const where = {
    organizationId: caller.organization.id,
    ...(caller.teamId === null ? {} : { teamId: caller.teamId }),
  };
  const { member } = resources.database.prisma;
  if (id !== null && (await member.findFirst({ where: { ...where, id }, select: { id: true } }))) return;
  throw invalidField('memberId', 'there is no such member');
}
