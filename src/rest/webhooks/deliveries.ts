import { graphql } from '../http/graphql.ts';
import { operation } from '../http/operation.ts';
import { route } from '../http/route.ts';

const deliveryFields = graphql(`
  fragment DeliveryFields on WebhookDelivery @_unmask {
    id eventId event status attempts { at statusCode durationMs error response } nextAttemptAt createdAt
  }
`);

const listDeliveries = route({
  method: 'get',
  path: '/v1/webhooks/{id}/deliveries',
  operationId: 'listWebhookDeliveries',
  summary: 'What was sent to a webhook, newest first',
  tag: 'Webhooks',
  scope: 'webhooks:read',
  operation: operation(
    graphql(
      `query WebhookDeliveries($id: ID!, $first: Int, $after: String) {
        webhookDeliveries(id: $id, first: $first, after: $after) {
          edges { node { ...DeliveryFields } } pageInfo { hasNextPage endCursor }
        }
      }`,
      [deliveryFields],
    ),
  ),
  success: [{ status: 200, description: 'A page of deliveries.' }],
  errors: [400, 404],
});

const testWebhook = route({
  method: 'post',
  path: '/v1/webhooks/{id}/test',
  operationId: 'testWebhook',
  summary: 'Send a test event, and wait for its answer',
  description: 'One try, of at most 15 s. The event, `webhook.test`, is not in the log.',
  tag: 'Webhooks',
  scope: 'webhooks:write',
  operation: operation(
    graphql(`mutation TestWebhook($input: TestWebhookInput!) { testWebhook(input: $input) { ...DeliveryFields } }`, [
      deliveryFields,
    ]),
  ),
  success: [{ status: 200, description: 'The delivery, succeeded or failed.' }],
  errors: [404, 409],
});

const redeliver = route({
  method: 'post',
  path: '/v1/webhooks/deliveries/{id}/redeliver',
  operationId: 'redeliverWebhook',
  summary: 'Send the event of a delivery once more',
  description: 'As a new delivery, with the same `webhook-id`.',
  tag: 'Webhooks',
  scope: 'webhooks:write',
  operation: operation(
    graphql(
      `mutation RedeliverWebhook($input: RedeliverWebhookInput!) { redeliverWebhook(input: $input) { ...DeliveryFields } }`,
      [deliveryFields],
    ),
  ),
  success: [{ status: 201, description: 'The new delivery.' }],
  errors: [404, 409],
});

export const deliveryRoutes = [listDeliveries, testWebhook, redeliver];
