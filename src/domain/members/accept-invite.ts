import { AppError } from '../../platform/errors.ts';
import { formatId, newUuid } from '../../platform/ids.ts';
import type { Models } from '../../platform/postgres/database.ts';
import { ANONYMOUS } from '../access/anonymous.ts';
import { newApiKeySecret } from '../access/api-key-secret.ts';
import { ROLE_SCOPES } from '../access/roles.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { readName } from '../input/read-name.ts';
import { getInviteByToken, noSuchInvite, type TokenInvite } from './get-invite-by-token.ts';
import { hashInviteToken } from './invite-token.ts';
import { MEMBER_FIELDS, type Member, readMember } from './member.ts';

export interface AcceptInviteInput {
  token: string;
  /** The new member's name: 1 to 100 characters. */
  name: string;
}

export interface AcceptedInvite {
  member: Member;
  /** The member's own key; its secret is shown this once. */
  apiKey: { id: string; secret: string };
}

/** Closes the invite. @throws AppError not_found where it is closed meanwhile */
async function take(models: Models, { id, organizationId }: TokenInvite, token: string, now: Date): Promise<void> {
  const open = { acceptedAt: null, revokedAt: null, expiresAt: { gt: now } };
  const { count } = await models.invite.updateMany({
    where: { organizationId, id, tokenHash: hashInviteToken(token), ...open, team: { deletedAt: null } },
    data: { acceptedAt: now },
  });
  if (count === 0) throw noSuchInvite();
}

async function writeMember(models: Models, context: Accepting, invite: TokenInvite, name: string, atMs: number) {
  const { organizationId, teamId, email, role } = invite;
  const now = new Date(atMs);
  const [memberId, apiKeyId] = [newUuid(atMs), newUuid(atMs)];
  const { secret, hash: secretHash, hint } = newApiKeySecret();
  const scopes = [...ROLE_SCOPES[role]];
  const of = { organizationId, teamId, createdAt: now };
  await models.member.create({ data: { id: memberId, ...of, email, name, role, ownKeyId: apiKeyId } });
  await models.apiKey.create({ data: { id: apiKeyId, ...of, memberId, name, secretHash, hint, scopes } });
  const member = await models.member.findUniqueOrThrow({ where: { id: memberId }, select: MEMBER_FIELDS });
  const audit = (action: string, targetId: string, before: object | null, after: object) =>
    recordAudit(
      models,
      { caller: ANONYMOUS, address: context.address },
      {
        organizationId,
        action,
        targetId,
        before,
        after,
        atMs,
        actorMemberId: memberId,
      },
    );
  const [team, memberTypeId] = [formatId('team', teamId), formatId('member', memberId)];
  await audit('invite.accepted', formatId('invite', invite.id), { email, role }, { memberId: memberTypeId });
  await audit('member.created', memberTypeId, null, { teamId: team, email, name, role });
  await audit('api_key.created', formatId('apiKey', apiKeyId), null, {
    name,
    teamId: team,
    memberId: memberTypeId,
    scopes,
  });
  return { member: readMember(member), apiKey: { id: apiKeyId, secret } };
}

/** Accepting needs no caller: the token is who it is. */
type Accepting = Pick<Context, 'resources' | 'address'>;

/**
 * Accepts an invite: makes the member and the member's own key, and raises `invite.accepted`, in one
 * transaction. Of several that accept one token at the same time, on any number of processes, one
 * succeeds, because each closes the invite under the organization's lock. Needs no API key.
 * @throws AppError invalid_request; not_found, the same for a token that is unknown, used, revoked,
 * expired or of a deleted team, which counts as failed authentication of the address;
 * rate_limit_exceeded (too many of them)
 */
export async function acceptInvite(context: Accepting, input: AcceptInviteInput): Promise<AcceptedInvite> {
  const { resources, address } = context;
  const name = readName(input.name);
  const atMs = resources.clock();
  const now = new Date(atMs);
  const invite = await getInviteByToken(context, input.token);
  const { organizationId, teamId, email, role } = invite;
  try {
    return await resources.database.change(async (models) => {
      // Events are raised under this lock; it comes before the lock of any row, as it does elsewhere.
      await models.$executeRaw`SELECT lock_organization(${organizationId}::uuid)`;
      await models.$executeRaw`SELECT FROM teams WHERE id = ${teamId}::uuid FOR UPDATE`;
      await take(models, invite, input.token, now);
      const accepted = await writeMember(models, context, invite, name, atMs);
      const data = { inviteId: invite.id, teamId, memberId: accepted.member.id, email, role };
      await models.$executeRaw`
        SELECT raise_event(organization => ${organizationId}::uuid, at => ${now}, kind => 'invite.accepted',
                           team => ${teamId}::uuid, payload => ${JSON.stringify(data)}::jsonb)`;
      return accepted;
    });
  } catch (error) {
    const isClosed = error instanceof AppError && error.code === 'not_found';
    throw isClosed ? ((await resources.authFailures.count(address)) ?? error) : error;
  }
}
