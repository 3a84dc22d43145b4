import { AppError, invalidField } from '../../platform/errors.ts';
import { formatId, newUuid } from '../../platform/ids.ts';
import { readMailAddress } from '../../platform/mail/mail-address.ts';
import type { Models } from '../../platform/postgres/database.ts';
import { DAY_MS } from '../../platform/time.ts';
import { requireScope } from '../access/require-scope.ts';
import type { MemberRoleName } from '../access/roles.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { lockTeam, type Team } from '../teams/team.ts';
import { INVITE_DAYS, INVITE_FIELDS, type Invite, MAX_OPEN_INVITES } from './invite.ts';
import { newInviteToken } from './invite-token.ts';
import { requireRoleReach } from './require-role-reach.ts';
import { type MailOutcome, sendInvite } from './send-invite.ts';

export interface InviteMemberInput {
  /** TypeID of the team. */
  teamId: string;
  /** One mailbox. */
  email: string;
  role: MemberRoleName;
}

export interface SentInvite extends Invite {
  mail: MailOutcome;
  /** The link, where no mail brought it; shown once. */
  acceptUrl: string | null;
  /** Whether the address was invited before: the older link is dead. */
  wasInvited: boolean;
}

function readEmail(text: string): string {
  const email = readMailAddress(text);
  if (email === null) throw invalidField('email', 'must be one address such as ann@example.com, and nothing else');
  return email;
}

/** @throws AppError conflict */
async function requireRoom(models: Models, team: Team, now: Date): Promise<void> {
  const { organizationId, id: teamId } = team;
  const where = { organizationId, teamId, acceptedAt: null, revokedAt: null, expiresAt: { gt: now } };
  if ((await models.invite.count({ where })) < MAX_OPEN_INVITES) return;
  throw new AppError('conflict', `The team has ${MAX_OPEN_INVITES} open invites already. Revoke some first.`);
}

interface Wanted {
  email: string;
  role: MemberRoleName;
  hash: Uint8Array<ArrayBuffer>;
  atMs: number;
}

/**
 * Writes the invite under the team's lock, so that of two that invite one address at the same time
 * the second renews what the first made.
 */
async function writeInvite(models: Models, context: Context, team: Team, wanted: Wanted) {
  const { email, role, hash: tokenHash, atMs } = wanted;
  const { organizationId, id: teamId } = team;
  const now = new Date(atMs);
  const expiresAt = new Date(atMs + INVITE_DAYS * DAY_MS);
  if (await models.member.findFirst({ where: { organizationId, teamId, email, removedAt: null } })) {
    throw new AppError('conflict', `${email} is a member of this team already.`);
  }
  const open = await models.invite.findFirst({
    where: { organizationId, teamId, email, acceptedAt: null, revokedAt: null },
  });
  const audit = (action: string, id: string, before: object | null) =>
    recordAudit(models, context, {
      action,
      targetId: formatId('invite', id),
      before,
      after: { teamId: formatId('team', teamId), email, role, expiresAt },
      atMs,
    });
  if (open && open.expiresAt > now) {
    requireRoleReach(context.caller, open.role);
    const data = { role, tokenHash, expiresAt };
    const invite = await models.invite.update({ where: { id: open.id }, data, select: INVITE_FIELDS });
    await audit('invite.renewed', invite.id, { email, role: open.role, expiresAt: open.expiresAt });
    return { invite, wasInvited: true };
  }
  // One that has expired makes room for the next.
  if (open) await models.invite.update({ where: { id: open.id }, data: { revokedAt: now } });
  await requireRoom(models, team, now);
  const data = { id: newUuid(atMs), organizationId, teamId, email, role, tokenHash, createdAt: now, expiresAt };
  const invite = await models.invite.create({ data, select: INVITE_FIELDS });
  await audit('invite.created', invite.id, null);
  return { invite, wasInvited: false };
}

/**
 * Invites an address to a team, and sends the link by mail where the server has SMTP. An address
 * that is still invited gets a new link, role and time: the old link is dead. What becomes of the
 * mail changes nothing of the invite, which is committed before.
 * @throws AppError not_found (the team), conflict (a member already; too many open invites),
 * invalid_request, insufficient_permissions (also for a role above that of the caller)
 */
export async function inviteMember(context: Context, input: InviteMemberInput): Promise<SentInvite> {
  const { caller, resources } = context;
  requireScope(caller, 'teams:write');
  const email = readEmail(input.email);
  const { role } = input;
  requireRoleReach(caller, role);
  const atMs = resources.clock();
  const { token, hash } = newInviteToken();
  const { team, invite, wasInvited } = await resources.database.change(async (models) => {
    const team = await lockTeam(models, caller, input.teamId);
    return { team, ...(await writeInvite(models, context, team, { email, role, hash, atMs })) };
  });
  return { ...invite, wasInvited, ...(await sendInvite(context, invite, team.name, token)) };
}
