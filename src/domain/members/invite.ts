import type { Prisma } from '../../../prisma/generated/client/client.ts';
import { AppError } from '../../platform/errors.ts';
import { parseId } from '../../platform/ids.ts';
import type { Models } from '../../platform/postgres/database.ts';
import type { Caller } from '../access/caller.ts';
import { requireScope } from '../access/require-scope.ts';
import type { MemberRoleName } from '../access/roles.ts';
import type { Context } from '../context.ts';

/** An address that may become a member. Ids are UUIDs. */
export interface Invite {
  id: string;
  teamId: string;
  /** In lower case. */
  email: string;
  role: MemberRoleName;
  createdAt: Date;
  expiresAt: Date;
}

export const INVITE_DAYS = 7;
/** The maximum number of open invites to one team. */
export const MAX_OPEN_INVITES = 1_000;

export const INVITE_FIELDS = {
  id: true,
  teamId: true,
  email: true,
  role: true,
  createdAt: true,
  expiresAt: true,
} as const satisfies Prisma.InviteSelect;

/**
 * The tenant wall of invites: the open ones of the caller's organization, or of its key's one team.
 * One that was accepted or revoked, or that has expired, is not there.
 */
export function whereInvites(caller: Caller, nowMs: number) {
  const open = { acceptedAt: null, revokedAt: null, expiresAt: { gt: new Date(nowMs) } };
  const where = { organizationId: caller.organization.id, ...open };
  return (caller.teamId === null ? where : { ...where, teamId: caller.teamId }) satisfies Prisma.InviteWhereInput;
}

/**
 * An open invite by its TypeID. Asks no scope: the verbs do.
 * @throws AppError not_found, the same for one that is missing, closed or another's
 */
export async function getOpenInvite(models: Models, caller: Caller, id: string, nowMs: number): Promise<Invite> {
  const uuid = parseId('invite', id);
  const where = { AND: whereInvites(caller, nowMs), id: uuid ?? '' };
  const invite = uuid && (await models.invite.findFirst({ where, select: INVITE_FIELDS }));
  if (!invite) throw new AppError('not_found', 'There is no open invite with this id.');
  return invite;
}

/** An open invite by its TypeID. @throws AppError not_found, insufficient_permissions */
export async function getInvite({ caller, resources }: Context, id: string): Promise<Invite> {
  requireScope(caller, 'teams:read');
  return getOpenInvite(resources.database.prisma, caller, id, resources.clock());
}
