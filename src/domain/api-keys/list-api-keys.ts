import { type Page, type PageInput, parseUuidCursor, readPageSize } from '../../platform/page.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import { type ApiKey, whereListed } from './api-key.ts';

export const API_KEY_CURSOR = 'api_key';

/**
 * The keys, newest first. Those that were revoked or have expired are listed for 90 days more.
 * @throws AppError invalid_request, insufficient_permissions
 */
export async function listApiKeys({ caller, resources }: Context, question: PageInput): Promise<Page<ApiKey>> {
  requireScope(caller, 'keys:write');
  const size = readPageSize(question.first);
  const after = parseUuidCursor(API_KEY_CURSOR, question.after);
  const found = await resources.database.prisma.apiKey.findMany({
    where: { AND: whereListed(caller, resources.clock()), ...(after === null ? {} : { id: { lt: after } }) },
    orderBy: { id: 'desc' },
    take: size + 1,
  });
  return { items: found.slice(0, size), hasMore: found.length > size };
}
