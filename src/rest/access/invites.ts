import { z } from '@hono/zod-openapi';
import { fragmentSchema } from '../http/answer-schema.ts';
import { graphql } from '../http/graphql.ts';
import { operation } from '../http/operation.ts';
import { route } from '../http/route.ts';
import { memberFields } from './members.ts';

const inviteFields = graphql(`
  fragment InviteFields on Invite @_unmask { id teamId email role createdAt expiresAt }
`);
const sentFields = graphql(`
  fragment SentInviteFields on SentInvite @_unmask { id teamId email role createdAt expiresAt mail acceptUrl }
`);

const { accept_url: _, ...sentShape } = fragmentSchema(sentFields, 'SentInviteFields').shape;
const sentInvite = z
  .object({
    ...sentShape,
    accept_url: z
      .string()
      .optional()
      .openapi({ description: 'The link, to be handed on by other means; left out where the mail was sent.' }),
  })
  .openapi('SentInvite');

const sendOne = operation(
  graphql(
    `mutation InviteMember($input: InviteMemberInput!) {
      inviteMember(input: $input) { ...SentInviteFields wasInvited }
    }`,
    [sentFields],
  ),
);

const inviteMember = route({
  method: 'post',
  path: '/v1/teams/{id}/invite',
  pathNames: { id: 'teamId' },
  operationId: 'inviteMember',
  summary: 'Invite an address to a team',
  description:
    'Sends a link that works once, for 7 days. An address that is invited already gets a new link, role and time, and ' +
    'the older link no longer works; one that is a member is refused with 409.',
  tag: 'Members',
  scope: 'teams:write',
  operation: sendOne,
  body: 'InviteMemberInput',
  showsSecret: true,
  success: [
    { status: 201, description: 'The invite.', schema: sentInvite },
    { status: 200, description: 'The address was invited before: the invite with its new link.', schema: sentInvite },
  ],
  errors: [400, 404, 409],
  async run({ variables }, execute) {
    const { invite_member: sent } = await execute(sendOne, variables);
    const { was_invited: wasInvited, accept_url: acceptUrl, ...invite } = sent;
    const body = acceptUrl === null ? invite : { ...invite, accept_url: acceptUrl };
    return { status: wasInvited ? 200 : 201, body };
  },
});

const listInvites = route({
  method: 'get',
  path: '/v1/teams/{id}/invites',
  pathNames: { id: 'teamId' },
  operationId: 'listInvites',
  summary: 'The open invites to a team, newest first',
  description: 'An invite that was accepted, revoked or has expired is gone.',
  tag: 'Members',
  scope: 'teams:read',
  operation: operation(
    graphql(
      `query Invites($teamId: ID!, $first: Int, $after: String) {
        invites(teamId: $teamId, first: $first, after: $after) {
          edges { node { ...InviteFields } } pageInfo { hasNextPage endCursor }
        }
      }`,
      [inviteFields],
    ),
  ),
  success: [{ status: 200, description: 'A page of invites.' }],
  errors: [400, 404],
});

const revokeInvite = route({
  method: 'delete',
  path: '/v1/invites/{id}',
  operationId: 'revokeInvite',
  summary: 'Revoke an invite',
  tag: 'Members',
  scope: 'teams:write',
  operation: operation(
    graphql(`mutation RevokeInvite($input: RevokeInviteInput!) { revokeInvite(input: $input) { ...InviteFields } }`, [
      inviteFields,
    ]),
  ),
  success: [{ status: 200, description: 'The invite as it was.' }],
  errors: [404],
});

const acceptInvite = route({
  method: 'post',
  path: '/v1/invites/accept',
  operationId: 'acceptInvite',
  summary: 'Accept an invite',
  description:
    'Makes the member, and an API key of its own that is shown only once. Needs no API key. A token that is unknown, ' +
    'used, revoked or has expired is 404, and counts as failed authentication of its address.',
  tag: 'Members',
  scope: null,
  isOpen: true,
  operation: operation(
    graphql(
      `mutation AcceptInvite($input: AcceptInviteInput!) {
        acceptInvite(input: $input) { member { ...MemberFields } apiKey { id secret } }
      }`,
      [memberFields],
    ),
  ),
  body: 'AcceptInviteInput',
  ownIdempotency: true,
  showsSecret: true,
  success: [{ status: 201, description: "The member, and the member's own API key." }],
  errors: [400, 404],
});

export const inviteRoutes = [inviteMember, listInvites, acceptInvite, revokeInvite];
