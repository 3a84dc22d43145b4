import { type Page, parseUuidCursor, readPageSize } from '../../platform/page.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import { getVisibleTeam } from '../teams/team.ts';
import { INVITE_FIELDS, type Invite, whereInvites } from './invite.ts';
import type { MemberQuestion } from './list-members.ts';

export const INVITE_CURSOR = 'invite';

/**
 * The open invites to a team, newest first.
 * @throws AppError not_found (the team), invalid_request, insufficient_permissions
 */
export async function listInvites({ caller, resources }: Context, question: MemberQuestion): Promise<Page<Invite>> {
  requireScope(caller, 'teams:read');
  const size = readPageSize(question.first);
  const after = parseUuidCursor(INVITE_CURSOR, question.after);
  const { prisma } = resources.database;
  const { id: teamId } = await getVisibleTeam(prisma, caller, question.teamId);
  const isOpen = whereInvites(caller, resources.clock());
  const found = await prisma.invite.findMany({
    where: { AND: isOpen, teamId, ...(after === null ? {} : { id: { lt: after } }) },
    orderBy: { id: 'desc' },
    take: size + 1,
    select: INVITE_FIELDS,
  });
  return { items: found.slice(0, size), hasMore: found.length > size };
}
