import { graphql } from '../http/graphql.ts';
import { operation } from '../http/operation.ts';
import { route } from '../http/route.ts';

const webhookFields = graphql(`
  fragment WebhookFields on Webhook @_unmask { id url events teamId format description status disabledReason createdAt }
`);

const listWebhooks = route({
  method: 'get',
  path: '/v1/webhooks',
  operationId: 'listWebhooks',
  summary: 'The webhooks, newest first',
  description: "A key that is bound to a team sees that team's webhooks only.",
  tag: 'Webhooks',
  scope: 'webhooks:read',
  operation: operation(
    graphql(
      `query Webhooks($first: Int, $after: String) {
        webhooks(first: $first, after: $after) {
          edges { node { ...WebhookFields } } pageInfo { hasNextPage endCursor }
        }
      }`,
      [webhookFields],
    ),
  ),
  success: [{ status: 200, description: 'A page of webhooks.' }],
  errors: [400],
});

const createWebhook = route({
  method: 'post',
  path: '/v1/webhooks',
  operationId: 'createWebhook',
  summary: 'Make a webhook',
  description: 'It receives what happens from then on. The answer shows its secret, once.',
  tag: 'Webhooks',
  scope: 'webhooks:write',
  operation: operation(
    graphql(
      `mutation CreateWebhook($input: CreateWebhookInput!) { createWebhook(input: $input) { ...WebhookFields secret } }`,
      [webhookFields],
    ),
  ),
  body: 'CreateWebhookInput',
  answerName: 'CreatedWebhook',
  showsSecret: true,
  success: [{ status: 201, description: 'The webhook, with its secret.' }],
  errors: [400, 409],
});

const getWebhook = route({
  method: 'get',
  path: '/v1/webhooks/{id}',
  operationId: 'getWebhook',
  summary: 'One webhook',
  tag: 'Webhooks',
  scope: 'webhooks:read',
  operation: operation(graphql(`query Webhook($id: ID!) { webhook(id: $id) { ...WebhookFields } }`, [webhookFields])),
  success: [{ status: 200, description: 'The webhook.' }],
  errors: [404],
});

const updateWebhook = route({
  method: 'patch',
  path: '/v1/webhooks/{id}',
  operationId: 'updateWebhook',
  summary: 'Change a webhook, or enable it again',
  tag: 'Webhooks',
  scope: 'webhooks:write',
  operation: operation(
    graphql(
      `mutation UpdateWebhook($input: UpdateWebhookInput!) { updateWebhook(input: $input) { ...WebhookFields } }`,
      [webhookFields],
    ),
  ),
  body: 'UpdateWebhookInput',
  success: [{ status: 200, description: 'The webhook as it is now.' }],
  errors: [400, 404],
});

const deleteWebhook = route({
  method: 'delete',
  path: '/v1/webhooks/{id}',
  operationId: 'deleteWebhook',
  summary: 'Delete a webhook',
  description: 'What waits for it is not sent.',
  tag: 'Webhooks',
  scope: 'webhooks:write',
  operation: operation(
    graphql(
      `mutation DeleteWebhook($input: DeleteWebhookInput!) { deleteWebhook(input: $input) { ...WebhookFields } }`,
      [webhookFields],
    ),
  ),
  success: [{ status: 200, description: 'The webhook as it was.' }],
  errors: [404],
});

const rotateSecret = route({
  method: 'post',
  path: '/v1/webhooks/{id}/rotate-secret',
  operationId: 'rotateWebhookSecret',
  summary: 'Give a webhook a new secret',
  description: 'For 24 hours both secrets sign, in the same header. The answer shows the new one, once.',
  tag: 'Webhooks',
  scope: 'webhooks:write',
  operation: operation(
    graphql(
      `mutation RotateWebhookSecret($input: RotateWebhookSecretInput!) {
        rotateWebhookSecret(input: $input) { ...WebhookFields secret }
      }`,
      [webhookFields],
    ),
  ),
  answerName: 'CreatedWebhook',
  showsSecret: true,
  success: [{ status: 200, description: 'The webhook, with its new secret.' }],
  errors: [404],
});

export const webhookRoutes = [listWebhooks, createWebhook, getWebhook, updateWebhook, deleteWebhook, rotateSecret];
