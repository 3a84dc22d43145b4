import { graphql } from '../http/graphql.ts';
import { operation } from '../http/operation.ts';
import { route } from '../http/route.ts';

/** Every field of an organization that REST answers with. */
export const organizationFields = graphql(`
  fragment OrganizationFields on Organization @_unmask { id name plan credits retentionDays createdAt }
`);

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
        createOrganization(input: $input) { id name plan credits retentionDays createdAt apiKey { id secret } }
      }
    `),
  ),
  body: 'CreateOrganizationInput',
  success: [{ status: 201, description: "The organization, and its owner's key, whose secret is shown this once." }],
  errors: [400, 409],
});

const updateOrganization = route({
  method: 'patch',
  path: '/v1/organizations/{id}',
  operationId: 'updateOrganization',
  summary: 'Change an organization',
  description: 'Fields that are left out stay as they are. Counts within a second in every process.',
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

export const organizationRoutes = [createOrganization, updateOrganization];
