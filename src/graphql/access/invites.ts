import { type AcceptedInvite, acceptInvite } from '../../domain/members/accept-invite.ts';
import { getInvite, type Invite } from '../../domain/members/invite.ts';
import { inviteMember, type SentInvite } from '../../domain/members/invite-member.ts';
import { INVITE_CURSOR, listInvites } from '../../domain/members/list-invites.ts';
import { revokeInvite } from '../../domain/members/revoke-invite.ts';
import { MAIL_OUTCOMES, type MailOutcome } from '../../domain/members/send-invite.ts';
import { formatId } from '../../platform/ids.ts';
import { builder } from '../builder/builder.ts';
import { CURSOR_DESCRIPTION, PAGE_SIZE_DESCRIPTION, toConnection } from '../builder/connection.ts';
import { NewApiKeyRef } from './api-keys.ts';
import { MemberRef, MemberRoleEnum, ROLES_DESCRIPTION } from './members.ts';

const ROLE = 'What the member will be.';
const EXPIRES_AT = 'Until when the link can be used: 7 days after it was made.';

const InviteRef = builder.objectRef<Invite>('Invite');

builder.node(InviteRef, {
  description: 'An address that may become a member of a team. One that was accepted, revoked or has expired is gone.',
  id: { resolve: ({ id }) => id },
  loadOne: (uuid, context) => getInvite(context, formatId('invite', uuid)),
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'email' in value && 'expiresAt' in value,
  fields: (t) => ({
    teamId: t.id({ resolve: ({ teamId }) => formatId('team', teamId) }),
    email: t.exposeString('email', { description: 'In lower case.' }),
    role: t.expose('role', { type: MemberRoleEnum, description: ROLE }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: EXPIRES_AT }),
  }),
});

const MailOutcomeEnum = builder.enumType('MailOutcome', {
  values: Object.fromEntries(MAIL_OUTCOMES.map((outcome) => [outcome.toUpperCase(), { value: outcome }])) as Record<
    string,
    { value: MailOutcome }
  >,
});

const SentInviteRef = builder.objectRef<SentInvite>('SentInvite').implement({
  description: 'An invite that was just made or renewed.',
  fields: (t) => ({
    id: t.id({ resolve: ({ id }) => formatId('invite', id) }),
    teamId: t.id({ resolve: ({ teamId }) => formatId('team', teamId) }),
    email: t.exposeString('email', { description: 'In lower case.' }),
    role: t.expose('role', { type: MemberRoleEnum, description: ROLE }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: EXPIRES_AT }),
    mail: t.expose('mail', {
      type: MailOutcomeEnum,
      description: 'What became of the mail: `SENT`, `FAILED`, or `OFF` where the server sends none.',
    }),
    acceptUrl: t.exposeString('acceptUrl', {
      nullable: true,
      description: 'The link, to be handed on by other means; null where the mail was sent.',
    }),
    wasInvited: t.exposeBoolean('wasInvited', {
      description: 'Whether the address was invited already: the older link no longer works.',
    }),
  }),
});

const AcceptedInviteRef = builder.objectRef<AcceptedInvite>('AcceptedInvite').implement({
  description: 'The new member and its own API key.',
  fields: (t) => ({
    member: t.expose('member', { type: MemberRef }),
    apiKey: t.expose('apiKey', { type: NewApiKeyRef }),
  }),
});

const InviteMemberInput = builder.inputType('InviteMemberInput', {
  fields: (t) => ({
    teamId: t.id({ required: true, description: 'Id of the team.' }),
    email: t.string({
      required: true,
      description: 'One address such as ann@example.com, at most 254 characters; upper and lower case are the same.',
    }),
    role: t.field({ type: MemberRoleEnum, required: true, description: ROLES_DESCRIPTION }),
  }),
});
const RevokeInviteInput = builder.inputType('RevokeInviteInput', {
  fields: (t) => ({ id: t.id({ required: true, description: 'Id of the invite.' }) }),
});
const AcceptInviteInput = builder.inputType('AcceptInviteInput', {
  fields: (t) => ({
    token: t.string({ required: true, description: 'The token in the link of the invite.' }),
    name: t.string({ required: true, description: 'The name of the new member: 1 to 100 characters.' }),
  }),
});

builder.mutationFields((t) => ({
  inviteMember: t.field({
    type: SentInviteRef,
    description:
      'Invites an address to a team, and sends it a link that works once, for 7 days. An address that is invited ' +
      'already gets a new link, and the older one no longer works. Requires the scope `teams:write`.',
    args: { input: t.arg({ type: InviteMemberInput, required: true }) },
    resolve: (_, { input }, context) => inviteMember(context, input),
  }),
  revokeInvite: t.field({
    type: InviteRef,
    description: 'Revokes an invite: its link no longer works. Requires the scope `teams:write`.',
    args: { input: t.arg({ type: RevokeInviteInput, required: true }) },
    resolve: (_, { input }, context) => revokeInvite(context, input),
  }),
  acceptInvite: t.field({
    type: AcceptedInviteRef,
    description:
      'Accepts an invite: makes the member, and an API key of its own that is shown only once. Needs no API key where ' +
      'it is the only field of the operation.',
    args: { input: t.arg({ type: AcceptInviteInput, required: true }) },
    resolve: (_, { input }, context) => acceptInvite(context, input),
  }),
}));

const InviteConnection = builder.connectionObject({ type: InviteRef, name: 'InviteConnection' });

builder.queryField('invites', (t) =>
  t.field({
    type: InviteConnection,
    description: 'The open invites to a team, newest first. Requires the scope `teams:read`.',
    args: {
      teamId: t.arg.id({ required: true, description: 'Id of the team.' }),
      first: t.arg.int({ description: PAGE_SIZE_DESCRIPTION }),
      after: t.arg.string({ description: CURSOR_DESCRIPTION }),
    },
    resolve: async (_, args, context) =>
      toConnection(INVITE_CURSOR, await listInvites(context, args), ({ id }) => id, args.after),
  }),
);
