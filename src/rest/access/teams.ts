import { z } from '@hono/zod-openapi';
import { PAGE_LIMIT } from '../../platform/page.ts';
import { graphql } from '../http/graphql.ts';
import { operation, route } from '../http/route.ts';
import { listOf, pageQuery, time, toList } from '../http/schemas.ts';

const team = z
  .object({
    id: z.string().openapi({ example: 'team_01h455vb4pex5vsknk084sn02q' }),
    name: z.string().openapi({ example: 'Research' }),
    created_at: time,
    updated_at: time,
    deleted_at: time.nullable().openapi({ description: 'Set where this answer is of its deletion.' }),
  })
  .openapi('Team');

const name = z.string().openapi({ example: 'Research', description: '1 to 100 characters, unique among the teams.' });
const params = z.object({ id: z.string() });

const fields = graphql(`fragment TeamFields on Team @_unmask { id name createdAt updatedAt deletedAt }`);

const list = operation(
  graphql(
    `query Teams($first: Int, $after: String) {
      teams(first: $first, after: $after) { edges { node { ...TeamFields } } pageInfo { hasNextPage endCursor } }
    }`,
    [fields],
  ),
);

const listTeams = route({
  method: 'get',
  path: '/v1/teams',
  operationId: 'listTeams',
  summary: 'The teams, newest first',
  description: 'A key that is bound to a team sees that team only.',
  tag: 'Teams',
  scope: 'teams:read',
  query: z.strictObject(pageQuery(PAGE_LIMIT.max)),
  success: [{ status: 200, description: 'A page of teams.', schema: listOf(team, 'TeamList') }],
  errors: [400],
  async run({ query }, execute) {
    const { teams } = await execute(list, { first: query.limit, after: query.cursor });
    return { status: 200, body: toList(teams) };
  },
});

const create = operation(
  graphql(`mutation CreateTeam($input: CreateTeamInput!) { createTeam(input: $input) { ...TeamFields } }`, [fields]),
);

const createTeam = route({
  method: 'post',
  path: '/v1/teams',
  operationId: 'createTeam',
  summary: 'Make a team',
  tag: 'Teams',
  scope: 'teams:write',
  body: z.strictObject({ name }).openapi('CreateTeamInput'),
  success: [{ status: 201, description: 'The team.', schema: team }],
  errors: [400, 409],
  async run({ body }, execute) {
    const { create_team: created } = await execute(create, { input: body });
    return { status: 201, body: created };
  },
});

const find = operation(graphql(`query Team($id: ID!) { team(id: $id) { ...TeamFields } }`, [fields]));

const getTeam = route({
  method: 'get',
  path: '/v1/teams/{id}',
  operationId: 'getTeam',
  summary: 'One team',
  tag: 'Teams',
  scope: 'teams:read',
  params,
  success: [{ status: 200, description: 'The team.', schema: team }],
  errors: [404],
  async run({ params: { id } }, execute) {
    const { team: found } = await execute(find, { id });
    return { status: 200, body: found };
  },
});

const update = operation(
  graphql(`mutation UpdateTeam($input: UpdateTeamInput!) { updateTeam(input: $input) { ...TeamFields } }`, [fields]),
);

const updateTeam = route({
  method: 'patch',
  path: '/v1/teams/{id}',
  operationId: 'updateTeam',
  summary: 'Change a team',
  tag: 'Teams',
  scope: 'teams:write',
  params,
  body: z.strictObject({ name: name.optional() }).openapi('UpdateTeamInput'),
  success: [{ status: 200, description: 'The team as it is now.', schema: team }],
  errors: [400, 404, 409],
  async run({ params: { id }, body }, execute) {
    const { update_team: updated } = await execute(update, { input: { ...body, id } });
    return { status: 200, body: updated };
  },
});

const remove = operation(
  graphql(`mutation DeleteTeam($input: DeleteTeamInput!) { deleteTeam(input: $input) { ...TeamFields } }`, [fields]),
);

const deleteTeam = route({
  method: 'delete',
  path: '/v1/teams/{id}',
  operationId: 'deleteTeam',
  summary: 'Delete a team',
  description: 'Revokes the keys that are bound to it. Its usage stays, and its name is free again.',
  tag: 'Teams',
  scope: 'teams:write',
  params,
  success: [{ status: 200, description: 'The team as it was.', schema: team }],
  errors: [404],
  async run({ params: { id } }, execute) {
    const { delete_team: deleted } = await execute(remove, { input: { id } });
    return { status: 200, body: deleted };
  },
});

export const teamRoutes = [listTeams, createTeam, getTeam, updateTeam, deleteTeam];
