import { AppError } from '../../platform/errors.ts';
import { parseId } from '../../platform/ids.ts';
import { requireOperator } from '../access/operator.ts';
import type { Context } from '../context.ts';
import type { Organization } from './organization.ts';

/**
 * An organization: that of the caller's key, whatever its scopes; with an id, which only the operator
 * may give, any.
 * @param id TypeID; without it, the caller's own
 * @throws AppError not_found, insufficient_permissions (a key that gives an id; the operator, who
 * gives none)
 */
export async function getOrganization(
  { caller, resources }: Context,
  id?: string | null | undefined,
): Promise<Organization> {
  const isGiven = typeof id === 'string';
  if (isGiven) requireOperator(caller);
  const uuid = isGiven ? parseId('organization', id) : caller.organization.id;
  const organization =
    uuid === null ? null : await resources.database.prisma.organization.findUnique({ where: { id: uuid } });
  if (!organization) throw new AppError('not_found', 'There is no organization with this id.');
  return organization;
}
