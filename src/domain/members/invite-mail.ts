import { escapeHtml } from '../../platform/http/escape-html.ts';
import { describeRole } from '../access/roles.ts';
import type { Invite } from './invite.ts';

/** What the mail of an invite tells. */
export interface InviteMail {
  invite: Pick<Invite, 'email' | 'role' | 'expiresAt'>;
  inviter: string;
  organizationName: string;
  teamName: string;
  acceptUrl: string;
}

/** A name on one line: names may hold line breaks, which a subject or a line of text must not. */
export function oneLine(name: string): string {
  return name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
}

/** `Sunday, 6 December 2026, 10:00 UTC` */
export function formatExpiry(expiresAt: Date): string {
  const day = expiresAt.toLocaleDateString('en-GB', {
    timeZone: 'UTC',
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    year: 'numeric',
  });
  return `${day}, ${expiresAt.toISOString().slice(11, 16)} UTC`;
}

const plain = (text: string) => text.replaceAll('`', '');

function composeText(mail: InviteMail): string {
  const { invite, inviter, organizationName, teamName, acceptUrl } = mail;
  return [
    `${inviter} invites you to the team ${teamName} of ${organizationName} in Meterr, with the role ${invite.role}.`,
    '',
    'Meterr counts what AI costs. To accept, open this link and enter your name:',
    '',
    acceptUrl,
    '',
    `The link works once, until ${formatExpiry(invite.expiresAt)}.`,
    `You get an API key of your own. The role ${invite.role} holds ${plain(describeRole(invite.role))}.`,
    '',
    `This mail was sent to ${invite.email}. If you did not expect it, ignore it: nothing happens.`,
    '',
  ].join('\n');
}

const FONT = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";

function composeHtml(mail: InviteMail): string {
  const { invite } = mail;
  const [inviter, organization, team, url] = [mail.inviter, mail.organizationName, mail.teamName, mail.acceptUrl].map(
    escapeHtml,
  );
  const role = describeRole(invite.role).replaceAll(/`([^`]+)`/g, '<code>$1</code>');
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Invitation to ${team}</title></head>
<body style="margin:0;background:#f4f5f7;${FONT};color:#1c2330">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="background:#f4f5f7">
<tr><td align="center" style="padding:40px 16px">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:520px;background:#ffffff;border:1px solid #e2e5ea;border-radius:12px">
<tr><td style="padding:36px 40px 8px;font-size:15px;font-weight:600;letter-spacing:.02em;color:#0f766e">Meterr</td></tr>
<tr><td style="padding:0 40px;font-size:24px;line-height:32px;font-weight:650">Join ${team}</td></tr>
<tr><td style="padding:16px 40px 0;font-size:16px;line-height:25px">
<strong>${inviter}</strong> invites you to the team <strong>${team}</strong> of ${organization}, with the role <strong>${invite.role}</strong>.
</td></tr>
<tr><td style="padding:28px 40px"><a href="${url}" style="display:inline-block;background:#0f766e;color:#ffffff;font-size:16px;font-weight:600;text-decoration:none;padding:13px 26px;border-radius:8px">Accept the invitation</a></td></tr>
<tr><td style="padding:0 40px;font-size:14px;line-height:22px;color:#4b5563">
You get an API key of your own. The role ${invite.role} holds ${role}. The link works once, until ${formatExpiry(invite.expiresAt)}.
</td></tr>
<tr><td style="padding:24px 40px 0;font-size:13px;line-height:20px;color:#6b7280">If the button does not work, open this address:<br><a href="${url}" style="color:#0f766e;word-break:break-all">${url}</a></td></tr>
<tr><td style="padding:24px 40px 36px;font-size:13px;line-height:20px;color:#6b7280">This mail was sent to ${escapeHtml(invite.email)}. If you did not expect it, ignore it: nothing happens.</td></tr>
</table>
</td></tr>
</table>
</body>
</html>
`;
}

/** The mail of an invite, as plain text and as HTML that loads nothing. */
export function composeInvite(given: InviteMail): { subject: string; text: string; html: string } {
  const mail = {
    ...given,
    inviter: oneLine(given.inviter),
    organizationName: oneLine(given.organizationName),
    teamName: oneLine(given.teamName),
  };
  const subject = `${mail.inviter} invites you to ${mail.teamName} in Meterr`;
  return { subject, text: composeText(mail), html: composeHtml(mail) };
}
