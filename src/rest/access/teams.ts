import { graphql } from '../http/graphql.ts';
import { operation } from '../http/operation.ts';
import { route } from '../http/route.ts';

const teamFields = graphql(`fragment TeamFields on Team @_unmask { id name createdAt updatedAt deletedAt }`);

const listTeams = route({
  method: 'get',
  path: '/v1/teams',
  operationId: 'listTeams',
  summary: 'The teams, newest first',
  description: 'A key that is bound to a team sees that team only.',
  tag: 'Teams',
  scope: 'teams:read',
  operation: operation(
    graphql(
      `query Teams($first: Int, $after: String) {
        teams(first: $first, after: $after) { edges { node { ...TeamFields } } pageInfo { hasNextPage endCursor } }
      }`,
      [teamFields],
    ),
  ),
  success: [{ status: 200, description: 'A page of teams.' }],
  errors: [400],
});

const createTeam = route({
  method: 'post',
  path: '/v1/teams',
  operationId: 'createTeam',
  summary: 'Make a team',
  tag: 'Teams',
  scope: 'teams:write',
  operation: operation(
    graphql(`mutation CreateTeam($input: CreateTeamInput!) { createTeam(input: $input) { ...TeamFields } }`, [
      teamFields,
    ]),
  ),
  body: 'CreateTeamInput',
  success: [{ status: 201, description: 'The team.' }],
  errors: [400, 409],
});

const getTeam = route({
  method: 'get',
  path: '/v1/teams/{id}',
  operationId: 'getTeam',
  summary: 'One team',
  tag: 'Teams',
  scope: 'teams:read',
  operation: operation(graphql(`query Team($id: ID!) { team(id: $id) { ...TeamFields } }`, [teamFields])),
  success: [{ status: 200, description: 'The team.' }],
  errors: [404],
});

const updateTeam = route({
  method: 'patch',
  path: '/v1/teams/{id}',
  operationId: 'updateTeam',
  summary: 'Change a team',
  tag: 'Teams',
  scope: 'teams:write',
  operation: operation(
    graphql(`mutation UpdateTeam($input: UpdateTeamInput!) { updateTeam(input: $input) { ...TeamFields } }`, [
      teamFields,
    ]),
  ),
  body: 'UpdateTeamInput',
  success: [{ status: 200, description: 'The team as it is now.' }],
  errors: [400, 404, 409],
});

const deleteTeam = route({
  method: 'delete',
  path: '/v1/teams/{id}',
  operationId: 'deleteTeam',
  summary: 'Delete a team',
  description: 'Revokes the keys that are bound to it. Its usage stays, and its name is free again.',
  tag: 'Teams',
  scope: 'teams:write',
  operation: operation(
    graphql(`mutation DeleteTeam($input: DeleteTeamInput!) { deleteTeam(input: $input) { ...TeamFields } }`, [
      teamFields,
    ]),
  ),
  success: [{ status: 200, description: 'The team as it was.' }],
  errors: [404],
});

export const teamRoutes = [listTeams, createTeam, getTeam, updateTeam, deleteTeam];
