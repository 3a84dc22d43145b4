import { type Page, type PageInput, parseUuidCursor, readPageSize } from '../../platform/page.ts';
import { requireOperator } from '../access/operator.ts';
import type { Context } from '../context.ts';
import type { Organization } from './organization.ts';

export const ORGANIZATION_CURSOR = 'organization';

/**
 * All organizations, newest first.
 * @throws AppError invalid_request, insufficient_permissions (whoever is not the operator)
 */
export async function listOrganizations(
  { caller, resources }: Context,
  question: PageInput,
): Promise<Page<Organization>> {
  requireOperator(caller);
  const size = readPageSize(question.first);
  const after = parseUuidCursor(ORGANIZATION_CURSOR, question.after);
  const found = await resources.database.prisma.organization.findMany({
    ...(after === null ? {} : { where: { id: { lt: after } } }),
    orderBy: { id: 'desc' },
    take: size + 1,
  });
  return { items: found.slice(0, size), hasMore: found.length > size };
}
