import { graphql } from './http/graphql.ts';
import { operation } from './http/operation.ts';
import { route } from './http/route.ts';

const holdFields = graphql(`
  fragment HoldFields on Hold @_unmask { id status provider model amount tokens createdAt expiresAt }
`);

const createHold = route({
  method: 'post',
  path: '/v1/usage/holds',
  operationId: 'createHold',
  summary: 'Reserve the worst case of a call before it is made',
  description:
    'Exact under any number of parallel calls: refused with 402 when a blocking budget or prepaid credits have no ' +
    'room. A usage event with `hold_id` settles it; it ends by itself when it expires.',
  tag: 'Holds',
  scope: 'usage:write',
  operation: operation(
    graphql(
      `mutation CreateHold($input: CreateHoldInput!) {
        createHold(input: $input) {
          ...HoldFields budgets { id limit spent held remaining } credits { available }
        }
      }`,
      [holdFields],
    ),
  ),
  body: 'CreateHoldInput',
  success: [{ status: 201, description: 'The hold, and the budgets after it.' }],
  answerName: 'CreatedHold',
  errors: [400, 402],
});

const listHolds = route({
  method: 'get',
  path: '/v1/usage/holds',
  operationId: 'listHolds',
  summary: 'The holds, newest first',
  description: 'Those that were settled or released, or have expired, are listed too.',
  tag: 'Holds',
  scope: 'usage:read',
  operation: operation(
    graphql(
      `query Holds($first: Int, $after: String) {
        holds(first: $first, after: $after) { edges { node { ...HoldFields } } pageInfo { hasNextPage endCursor } }
      }`,
      [holdFields],
    ),
  ),
  success: [{ status: 200, description: 'A page of holds.' }],
  errors: [400],
});

const getHold = route({
  method: 'get',
  path: '/v1/usage/holds/{id}',
  operationId: 'getHold',
  summary: 'One hold, as it is now',
  tag: 'Holds',
  scope: 'usage:read',
  operation: operation(graphql(`query Hold($id: ID!) { hold(id: $id) { ...HoldFields } }`, [holdFields])),
  success: [{ status: 200, description: 'The hold.' }],
  errors: [404],
});

const releaseHold = route({
  method: 'delete',
  path: '/v1/usage/holds/{id}',
  operationId: 'releaseHold',
  summary: 'Give back what a hold reserves',
  tag: 'Holds',
  scope: 'usage:write',
  operation: operation(
    graphql(`mutation ReleaseHold($input: ReleaseHoldInput!) { releaseHold(input: $input) { ...HoldFields } }`, [
      holdFields,
    ]),
  ),
  success: [{ status: 200, description: 'The hold, released; or as it ended before.' }],
  errors: [404, 409],
});

export const holdRoutes = [createHold, listHolds, getHold, releaseHold];
