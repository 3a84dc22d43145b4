import { graphql } from '../http/graphql.ts';
import { operation } from '../http/operation.ts';
import { route } from '../http/route.ts';

export const memberFields = graphql(`
  fragment MemberFields on Member @_unmask { id teamId email name role createdAt lastUsedAt }
`);

const listMembers = route({
  method: 'get',
  path: '/v1/teams/{id}/members',
  pathNames: { id: 'teamId' },
  operationId: 'listMembers',
  summary: 'The members of a team, newest first',
  tag: 'Members',
  scope: 'teams:read',
  operation: operation(
    graphql(
      `query Members($teamId: ID!, $first: Int, $after: String) {
        members(teamId: $teamId, first: $first, after: $after) {
          edges { node { ...MemberFields } } pageInfo { hasNextPage endCursor }
        }
      }`,
      [memberFields],
    ),
  ),
  success: [{ status: 200, description: 'A page of members.' }],
  errors: [400, 404],
});

const updateMember = route({
  method: 'patch',
  path: '/v1/teams/{id}/members/{member_id}',
  pathNames: { id: 'teamId', member_id: 'id' },
  operationId: 'updateMember',
  summary: 'Change the role or the name of a member',
  description:
    'The keys of the member lose what a lower role may not, for good; the key that accepting the invite made always ' +
    'holds what the role may. A team that has an owner keeps one: 409.',
  tag: 'Members',
  scope: 'teams:write',
  operation: operation(
    graphql(`mutation UpdateMember($input: UpdateMemberInput!) { updateMember(input: $input) { ...MemberFields } }`, [
      memberFields,
    ]),
  ),
  body: 'UpdateMemberInput',
  success: [{ status: 200, description: 'The member as it is now.' }],
  errors: [400, 404, 409],
});

const removeMember = route({
  method: 'delete',
  path: '/v1/teams/{id}/members/{member_id}',
  pathNames: { id: 'teamId', member_id: 'id' },
  operationId: 'removeMember',
  summary: 'Remove a member from its team',
  description: 'Revokes the keys of the member. Its usage stays. A team that has an owner keeps one: 409.',
  tag: 'Members',
  scope: 'teams:write',
  operation: operation(
    graphql(`mutation RemoveMember($input: RemoveMemberInput!) { removeMember(input: $input) { ...MemberFields } }`, [
      memberFields,
    ]),
  ),
  success: [{ status: 200, description: 'The member as it was.' }],
  errors: [404, 409],
});

export const memberRoutes = [listMembers, updateMember, removeMember];
