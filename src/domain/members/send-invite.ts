import { formatId } from '../../platform/ids.ts';
import type { Context } from '../context.ts';
import type { Invite } from './invite.ts';
import { composeInvite } from './invite-mail.ts';

/** What became of the mail; `off`: the server has no SMTP. */
export const MAIL_OUTCOMES = ['sent', 'failed', 'off'] as const;
export type MailOutcome = (typeof MAIL_OUTCOMES)[number];

/** The path of the page that accepts an invite. */
export const ACCEPT_PATH = '/invites/accept';

/** Who invites, for whoever reads the mail: a member by name, else the organization. */
async function nameInviter({ caller, resources }: Context): Promise<string> {
  const { memberId, organization } = caller;
  if (memberId === null) return organization.name;
  const where = { organizationId: organization.id, id: memberId };
  const member = await resources.database.prisma.member.findFirst({ where, select: { name: true, email: true } });
  return member ? `${member.name} (${member.email})` : organization.name;
}

/**
 * Sends the link of an invite that was committed. Where it cannot be sent, the caller gets the link;
 * without SMTP it is also in the log, since whoever runs such a server may be the one who hands it
 * on. Never rejects.
 */
export async function sendInvite(
  context: Context,
  invite: Invite,
  teamName: string,
  token: string,
): Promise<{ mail: MailOutcome; acceptUrl: string | null }> {
  const { caller, resources, requestId } = context;
  const { mailer, log, publicUrl } = resources;
  const acceptUrl = `${publicUrl.get()}${ACCEPT_PATH}?token=${token}`;
  const inviteId = formatId('invite', invite.id);
  if (mailer === null) {
    log.info({ inviteId, acceptUrl, requestId }, 'an invite was made; without SMTP_URL its link is not mailed');
    return { mail: 'off', acceptUrl };
  }
  try {
    const inviter = await nameInviter(context);
    const organizationName = caller.organization.name;
    await mailer.send({
      to: invite.email,
      ...composeInvite({ invite, inviter, organizationName, teamName, acceptUrl }),
    });
    return { mail: 'sent', acceptUrl: null };
  } catch (error) {
    log.warn({ err: error, inviteId, requestId }, 'the mail of an invite could not be sent');
    return { mail: 'failed', acceptUrl };
  }
}
