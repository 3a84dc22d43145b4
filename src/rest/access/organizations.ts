import { z } from '@hono/zod-openapi';
import { graphql } from '../http/graphql.ts';
import { operation, route } from '../http/route.ts';
import { count, oneOf } from '../http/schemas.ts';
import { lowerCase, toUpperCase } from '../usage/usage-maps.ts';
import { organizationSchema } from './access.ts';

const name = z.string().openapi({ example: 'Acme', description: '1 to 100 characters.' });
const plan = oneOf(['free', 'pro', 'enterprise']);
const credits = oneOf(['none', 'prepaid']);

/** Enum names of GraphQL in REST's lower case. */
function fromOrganization<T extends { plan: string; credits: string }>(organization: T) {
  return { ...organization, plan: lowerCase(organization.plan), credits: lowerCase(organization.credits) };
}

const create = operation(
  graphql(`
    mutation CreateOrganization($input: CreateOrganizationInput!) {
      createOrganization(input: $input) { id name plan credits retentionDays createdAt apiKey { id secret } }
    }
  `),
);

const createOrganization = route({
  method: 'post',
  path: '/v1/organizations',
  operationId: 'createOrganization',
  summary: "Make an organization and its owner's key",
  tag: 'Organizations',
  scope: null,
  operatorOnly: true,
  body: z
    .strictObject({
      name,
      plan: plan.optional().openapi({ default: 'free' }),
      credits: credits.optional().openapi({ default: 'none' }),
    })
    .openapi('CreateOrganizationInput'),
  success: [
    {
      status: 201,
      description: "The organization, and its owner's key, whose secret is shown this once.",
      schema: organizationSchema
        .extend({ api_key: z.object({ id: z.string(), secret: z.string().openapi({ example: 'mtr_live_...' }) }) })
        .openapi('NewOrganization'),
    },
  ],
  errors: [400, 409],
  async run({ body }, execute) {
    const input = {
      name: body.name,
      plan: body.plan && toUpperCase(body.plan),
      credits: body.credits && toUpperCase(body.credits),
    };
    const { create_organization: created } = await execute(create, { input });
    return { status: 201, body: fromOrganization(created) };
  },
});

const update = operation(
  graphql(`
    mutation UpdateOrganization($input: UpdateOrganizationInput!) {
      updateOrganization(input: $input) { id name plan credits retentionDays createdAt }
    }
  `),
);

const updateOrganization = route({
  method: 'patch',
  path: '/v1/organizations/{id}',
  operationId: 'updateOrganization',
  summary: 'Change an organization',
  description: 'What is not given stays as it is. Counts within 5 seconds in every process.',
  tag: 'Organizations',
  scope: null,
  operatorOnly: true,
  params: z.object({ id: z.string() }),
  body: z
    .strictObject({
      name: name.optional(),
      plan: plan.optional(),
      credits: credits.optional(),
      retention_days: count.nullable().optional().openapi({
        description: 'Days that raw events are kept, 1 to 36,500; null: for ever.',
      }),
    })
    .openapi('UpdateOrganizationInput'),
  success: [{ status: 200, description: 'The organization as it is now.', schema: organizationSchema }],
  errors: [400, 404],
  async run({ params, body }, execute) {
    const input = {
      id: params.id,
      name: body.name,
      plan: body.plan && toUpperCase(body.plan),
      credits: body.credits && toUpperCase(body.credits),
      // An undefined key is null to graphql-jit, and null has a meaning of its own here.
      ...(body.retention_days === undefined ? {} : { retentionDays: body.retention_days }),
    };
    const { update_organization: updated } = await execute(update, { input });
    return { status: 200, body: fromOrganization(updated) };
  },
});

export const organizationRoutes = [createOrganization, updateOrganization];
