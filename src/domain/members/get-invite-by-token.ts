import { AppError } from '../../platform/errors.ts';
import type { Context } from '../context.ts';
import { INVITE_FIELDS, type Invite } from './invite.ts';
import { hashInviteToken, isInviteToken } from './invite-token.ts';

/** An open invite, as whoever has its token sees it. */
export interface TokenInvite extends Invite {
  organizationId: string;
  organizationName: string;
  teamName: string;
}

/** The one answer to every token that opens nothing. */
export function noSuchInvite(): AppError {
  return new AppError('not_found', 'This invite does not exist, or it was used, revoked or has expired.');
}

const FIELDS = {
  ...INVITE_FIELDS,
  organizationId: true,
  acceptedAt: true,
  revokedAt: true,
  team: { select: { name: true, deletedAt: true, organization: { select: { name: true } } } },
} as const;

/**
 * The open invite of a token. Needs no API key.
 * @throws AppError not_found, the same for a token that is unknown, used, revoked, expired or of a
 * deleted team, which counts as failed authentication of the address; rate_limit_exceeded (too many
 * of them)
 */
export async function getInviteByToken(
  { resources, address }: Pick<Context, 'resources' | 'address'>,
  token: string,
): Promise<TokenInvite> {
  const { database, clock } = resources;
  const where = { tokenHash: hashInviteToken(token) };
  const found = isInviteToken(token) ? await database.prisma.invite.findUnique({ where, select: FIELDS }) : null;
  const isOpen =
    found &&
    found.acceptedAt === null &&
    found.revokedAt === null &&
    found.expiresAt.getTime() > clock() &&
    found.team.deletedAt === null;
  if (!isOpen) throw (await resources.authFailures.count(address)) ?? noSuchInvite();
  const { team, acceptedAt: _, revokedAt: __, ...invite } = found;
  return { ...invite, teamName: team.name, organizationName: team.organization.name };
}
