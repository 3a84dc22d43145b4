import type { Organization } from '../../../prisma/generated/client/client.ts';
import { AppError } from '../../platform/errors.ts';
import type { Models } from '../../platform/postgres/database.ts';

export type { Organization };

/**
 * The organization with this UUID, locked until the transaction ends.
 * @throws AppError not_found
 */
export async function lockOrganization(models: Models, id: string): Promise<Organization> {
  await models.$executeRaw`SELECT FROM organizations WHERE id = ${id}::uuid FOR NO KEY UPDATE`;
  const organization = await models.organization.findUnique({ where: { id } });
  if (!organization) throw new AppError('not_found', 'There is no organization with this id.');
  return organization;
}

/** What the audit log tells of an organization, in the words of the doors. */
export function describeOrganization({ name, plan, creditsMode, creditsBy, retentionDays, status }: Organization) {
  return { name, plan, credits: creditsMode, creditsBy, retentionDays, status };
}
