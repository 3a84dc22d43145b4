import { graphql } from '../http/graphql.ts';
import { operation } from '../http/operation.ts';
import { route } from '../http/route.ts';

/** Every field of an organization that REST answers with. */
export const organizationFields = graphql(`
  fragment OrganizationFields on Organization @_unmask {
    id name plan credits creditsBy status retentionDays createdAt
  }
`);

const listOrganizations = route({
  method: 'get',
  path: '/v1/organizations',
  operationId: 'listOrganizations',
  summary: 'The organizations, newest first',
  tag: 'Organizations',
  scope: null,
  operatorOnly: true,
  operation: operation(
    graphql(
      `query Organizations($first: Int, $after: String) {
        organizations(first: $first, after: $after) {
          edges { node { ...OrganizationFields } } pageInfo { hasNextPage endCursor }
        }
      }`,
      [organizationFields],
    ),
  ),
  success: [{ status: 200, description: 'A page of organizations.' }],
  errors: [400],
});

const getOrganization = route({
  method: 'get',
  path: '/v1/organizations/{id}',
  operationId: 'getOrganization',
  summary: 'One organization',
  description: 'An API key finds its own organization in `GET /v1/me`.',
  tag: 'Organizations',
  scope: null,
  operatorOnly: true,
  operation: operation(
    graphql(`query Organization($id: ID!) { organization(id: $id) { ...OrganizationFields } }`, [organizationFields]),
  ),
  success: [{ status: 200, description: 'The organization.' }],
  errors: [404],
});

const createOrganization = route({
  method: 'post',
  path: '/v1/organizations',
  operationId: 'createOrganization',
  summary: "Make an organization and its owner's key",
  tag: 'Organizations',
  scope: null,
  operatorOnly: true,
  operation: operation(
    graphql(`
      mutation CreateOrganization($input: CreateOrganizationInput!) {
        createOrganization(input: $input) {
          id name plan credits creditsBy status retentionDays createdAt apiKey { id secret }
        }
      }
    `),
  ),
  body: 'CreateOrganizationInput',
  showsSecret: true,
  success: [{ status: 201, description: "The organization, and its owner's key, whose secret is shown this once." }],
  errors: [400, 409],
});

const updateOrganization = route({
  method: 'patch',
  path: '/v1/organizations/{id}',
  operationId: 'updateOrganization',
  summary: 'Change an organization',
  description:
    'Fields that are left out stay as they are. Counts within a second in every process. All keys of a suspended ' +
    'organization are answered 403; its data is kept.',
  tag: 'Organizations',
  scope: null,
  operatorOnly: true,
  operation: operation(
    graphql(
      `mutation UpdateOrganization($input: UpdateOrganizationInput!) {
        updateOrganization(input: $input) { ...OrganizationFields }
      }`,
      [organizationFields],
    ),
  ),
  body: 'UpdateOrganizationInput',
  success: [{ status: 200, description: 'The organization as it is now.' }],
  errors: [400, 404],
});

export const organizationRoutes = [listOrganizations, createOrganization, getOrganization, updateOrganization];
