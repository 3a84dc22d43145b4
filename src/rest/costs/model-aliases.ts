import { graphql } from '../http/graphql.ts';
import { operation } from '../http/operation.ts';
import { route } from '../http/route.ts';

const aliasFields = graphql(`
  fragment ModelAliasFields on ModelAlias @_unmask { id provider model targetProvider targetModel createdAt }
`);

const listModelAliases = route({
  method: 'get',
  path: '/v1/model-aliases',
  operationId: 'listModelAliases',
  summary: 'The aliases of models, newest first',
  tag: 'Prices',
  scope: 'prices:read',
  operation: operation(
    graphql(
      `query ModelAliases($first: Int, $after: String) {
        modelAliases(first: $first, after: $after) {
          edges { node { ...ModelAliasFields } } pageInfo { hasNextPage endCursor }
        }
      }`,
      [aliasFields],
    ),
  ),
  success: [{ status: 200, description: 'A page of aliases.' }],
  errors: [400],
});

const createModelAlias = route({
  method: 'post',
  path: '/v1/model-aliases',
  operationId: 'createModelAlias',
  summary: 'Look the price of a model up under another name',
  description: 'Events keep their model. An alias of the target is not followed.',
  tag: 'Prices',
  scope: 'prices:write',
  operation: operation(
    graphql(
      `mutation CreateModelAlias($input: CreateModelAliasInput!) {
        createModelAlias(input: $input) { ...ModelAliasFields }
      }`,
      [aliasFields],
    ),
  ),
  body: 'CreateModelAliasInput',
  success: [{ status: 201, description: 'The alias.' }],
  errors: [400, 409],
});

const deleteModelAlias = route({
  method: 'delete',
  path: '/v1/model-aliases/{id}',
  operationId: 'deleteModelAlias',
  summary: 'Delete an alias of a model',
  description: 'What was priced by it stays.',
  tag: 'Prices',
  scope: 'prices:write',
  operation: operation(
    graphql(
      `mutation DeleteModelAlias($input: DeleteModelAliasInput!) {
        deleteModelAlias(input: $input) { ...ModelAliasFields }
      }`,
      [aliasFields],
    ),
  ),
  success: [{ status: 200, description: 'The alias as it was.' }],
  errors: [404],
});

export const aliasRoutes = [listModelAliases, createModelAlias, deleteModelAlias];
