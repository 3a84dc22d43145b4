import { type Page, type PageInput, parseUuidCursor, readPageSize } from '../../platform/page.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import { getVisibleTeam } from '../teams/team.ts';
import { MEMBER_FIELDS, type Member, readMember, whereMembers } from './member.ts';

export const MEMBER_CURSOR = 'member';

export interface MemberQuestion extends PageInput {
  /** TypeID of a living team. */
  teamId: string;
}

/**
 * The members of a team, newest first.
 * @throws AppError not_found (the team), invalid_request, insufficient_permissions
 */
export async function listMembers({ caller, resources }: Context, question: MemberQuestion): Promise<Page<Member>> {
  requireScope(caller, 'teams:read');
  const size = readPageSize(question.first);
  const after = parseUuidCursor(MEMBER_CURSOR, question.after);
  const { prisma } = resources.database;
  const { id: teamId } = await getVisibleTeam(prisma, caller, question.teamId);
  const found = await prisma.member.findMany({
    where: { AND: whereMembers(caller), teamId, ...(after === null ? {} : { id: { lt: after } }) },
    orderBy: { id: 'desc' },
    take: size + 1,
    select: MEMBER_FIELDS,
  });
  return { items: found.slice(0, size).map(readMember), hasMore: found.length > size };
}
