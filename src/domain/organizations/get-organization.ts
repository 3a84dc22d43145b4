import { AppError } from '../../platform/errors.ts';
import { parseId } from '../../platform/ids.ts';
import { OPERATOR } from '../access/operator.ts';
import type { Context } from '../context.ts';
import type { Organization } from './organization.ts';

/**
 * An organization. The operator sees each of them; a key sees its own, whatever its scopes.
 * @param id TypeID; without it, the caller's own
 * @throws AppError not_found (also for what the key may not see), insufficient_permissions (the
 * operator, without an id)
 */
export async function getOrganization(
  { caller, resources }: Context,
  id?: string | null | undefined,
): Promise<Organization> {
  const uuid = typeof id === 'string' ? parseId('organization', id) : caller.organization.id;
  const isVisible = uuid !== null && (caller === OPERATOR || uuid === caller.organization.id);
  const organization = isVisible
    ? await resources.database.prisma.organization.findUnique({ where: { id: uuid } })
    : null;
  if (!organization) throw new AppError('not_found', 'There is no organization with this id.');
  return organization;
}
