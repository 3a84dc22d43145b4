import { type Page, type PageInput, parseUuidCursor, readPageSize } from '../../platform/page.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import { type Team, whereTeams } from './team.ts';

export const TEAM_CURSOR = 'team';

/**
 * The living teams, newest first.
 * @throws AppError invalid_request, insufficient_permissions
 */
export async function listTeams({ caller, resources }: Context, question: PageInput): Promise<Page<Team>> {
  requireScope(caller, 'teams:read');
  const size = readPageSize(question.first);
  const after = parseUuidCursor(TEAM_CURSOR, question.after);
  const found = await resources.database.prisma.team.findMany({
    where: { AND: whereTeams(caller), ...(after === null ? {} : { id: { lt: after } }) },
    orderBy: { id: 'desc' },
    take: size + 1,
  });
  return { items: found.slice(0, size), hasMore: found.length > size };
}
