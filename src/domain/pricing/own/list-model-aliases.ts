import { AppError } from '../../../platform/errors.ts';
import { parseId } from '../../../platform/ids.ts';
import { type Page, type PageInput, parseUuidCursor, readPageSize } from '../../../platform/page.ts';
import type { Caller } from '../../access/caller.ts';
import { requireScope } from '../../access/require-scope.ts';
import type { Context } from '../../context.ts';
import type { ModelAlias } from './model-alias.ts';

export const ALIAS_CURSOR = 'modelAlias';

/** The tenant wall of aliases. */
const whereAliases = (caller: Caller) => ({ organizationId: caller.organization.id });

/**
 * The aliases, newest first.
 * @throws AppError invalid_request, insufficient_permissions
 */
export async function listModelAliases({ caller, resources }: Context, question: PageInput): Promise<Page<ModelAlias>> {
  requireScope(caller, 'prices:read');
  const size = readPageSize(question.first);
  const after = parseUuidCursor(ALIAS_CURSOR, question.after);
  const found = await resources.database.prisma.modelAlias.findMany({
    where: { ...whereAliases(caller), ...(after === null ? {} : { id: { lt: after } }) },
    orderBy: { id: 'desc' },
    take: size + 1,
  });
  return { items: found.slice(0, size), hasMore: found.length > size };
}

/**
 * An alias by its TypeID.
 * @throws AppError not_found, insufficient_permissions
 */
export async function getModelAlias({ caller, resources }: Context, id: string): Promise<ModelAlias> {
  requireScope(caller, 'prices:read');
  const uuid = parseId('modelAlias', id);
  const where = { ...whereAliases(caller), id: uuid ?? '' };
  const alias = uuid && (await resources.database.prisma.modelAlias.findFirst({ where }));
  if (!alias) throw new AppError('not_found', 'There is no alias with this id.');
  return alias;
}
