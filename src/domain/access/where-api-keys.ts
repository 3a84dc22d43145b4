import type { Prisma } from '../../../prisma/generated/client/client.ts';
import type { Caller } from './caller.ts';

/**
 * The tenant wall of API keys: those of the caller's organization, or of the one team that its own
 * key is bound to.
 */
export function whereApiKeys(caller: Caller) {
  const where = { organizationId: caller.organization.id };
  return (caller.teamId === null ? where : { ...where, teamId: caller.teamId }) satisfies Prisma.ApiKeyWhereInput;
}
