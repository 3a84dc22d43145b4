import { createWebhook } from '../../domain/webhooks/create-webhook.ts';
import { deleteWebhook } from '../../domain/webhooks/delete-webhook.ts';
import { DELIVERY_CURSOR, listDeliveries } from '../../domain/webhooks/list-deliveries.ts';
import { getWebhook, listWebhooks, WEBHOOK_CURSOR } from '../../domain/webhooks/list-webhooks.ts';
import { redeliverWebhook } from '../../domain/webhooks/redeliver-webhook.ts';
import { rotateWebhookSecret } from '../../domain/webhooks/rotate-webhook-secret.ts';
import { testWebhook } from '../../domain/webhooks/test-webhook.ts';
import { updateWebhook } from '../../domain/webhooks/update-webhook.ts';
import { builder } from '../builder/builder.ts';
import { CURSOR_DESCRIPTION, PAGE_SIZE_DESCRIPTION, toConnection } from '../builder/connection.ts';
import { DeliveryRef } from './delivery-types.ts';
import { WebhookFormatEnum, WebhookRef, WebhookStatusEnum } from './webhook-types.ts';

const WEBHOOK_ID = 'Id of the webhook.';
const URL =
  'Where events are sent, by `https`. It must not lead to a private, loopback or link-local address, unless the server ' +
  'allows it. Redirects are not followed.';
const EVENTS = 'Types of events such as `usage.exceeded`, or `*` for all.';
const DESCRIPTION = 'A note for people: up to 500 characters.';

const CreateWebhookInput = builder.inputType('CreateWebhookInput', {
  fields: (t) => ({
    url: t.string({ required: true, description: URL }),
    events: t.stringList({ required: true, description: EVENTS }),
    teamId: t.id({ description: "Only events of this team; default: all, or those of the key's own team." }),
    format: t.field({ type: WebhookFormatEnum, description: 'Default `STANDARD`.' }),
    description: t.string({ description: DESCRIPTION }),
  }),
});
const UpdateWebhookInput = builder.inputType('UpdateWebhookInput', {
  description: 'Fields that are left out stay as they are.',
  fields: (t) => ({
    id: t.id({ required: true, description: WEBHOOK_ID }),
    url: t.string({ description: URL }),
    events: t.stringList({ description: EVENTS }),
    description: t.string({ description: `${DESCRIPTION} An empty one removes it.` }),
    status: t.field({
      type: WebhookStatusEnum,
      description: '`DISABLED` cancels what waits; `ENABLED` sends what happens from then on.',
    }),
  }),
});
const idInput = (name: string, description: string) =>
  builder.inputType(name, { fields: (t) => ({ id: t.id({ required: true, description }) }) });
const DeleteWebhookInput = idInput('DeleteWebhookInput', WEBHOOK_ID);
const TestWebhookInput = idInput('TestWebhookInput', WEBHOOK_ID);
const RotateWebhookSecretInput = idInput('RotateWebhookSecretInput', WEBHOOK_ID);
const RedeliverWebhookInput = idInput('RedeliverWebhookInput', 'Id of the delivery whose event is sent once more.');

builder.mutationFields((t) => ({
  createWebhook: t.field({
    type: WebhookRef,
    description:
      'Creates a webhook, which receives what happens from then on. The answer shows its secret, once. An organization ' +
      'has at most 100. Requires the scope `webhooks:write`.',
    args: { input: t.arg({ type: CreateWebhookInput, required: true }) },
    resolve: (_, { input }, context) => createWebhook(context, input),
  }),
  updateWebhook: t.field({
    type: WebhookRef,
    description: 'Changes a webhook, or enables one that is disabled. Requires the scope `webhooks:write`.',
    args: { input: t.arg({ type: UpdateWebhookInput, required: true }) },
    resolve: (_, { input }, context) => updateWebhook(context, input),
  }),
  deleteWebhook: t.field({
    type: WebhookRef,
    description: 'Deletes a webhook and returns it as it was. Requires the scope `webhooks:write`.',
    args: { input: t.arg({ type: DeleteWebhookInput, required: true }) },
    resolve: (_, { input }, context) => deleteWebhook(context, input),
  }),
  testWebhook: t.field({
    type: DeliveryRef,
    description:
      'Sends an event `webhook.test` to a webhook, disabled or not, and waits for the answer: one try of at most 15 s. ' +
      'The event is not in the log. Requires the scope `webhooks:write`.',
    args: { input: t.arg({ type: TestWebhookInput, required: true }) },
    resolve: (_, { input }, context) => testWebhook(context, input),
  }),
  rotateWebhookSecret: t.field({
    type: WebhookRef,
    description:
      'Gives a webhook a new secret, which the answer shows once. For 24 hours both secrets sign. Requires the scope ' +
      '`webhooks:write`.',
    args: { input: t.arg({ type: RotateWebhookSecretInput, required: true }) },
    resolve: (_, { input }, context) => rotateWebhookSecret(context, input),
  }),
  redeliverWebhook: t.field({
    type: DeliveryRef,
    description:
      'Sends the event of a delivery once more, as a new delivery with the same `webhook-id`. Requires the scope ' +
      '`webhooks:write`.',
    args: { input: t.arg({ type: RedeliverWebhookInput, required: true }) },
    resolve: (_, { input }, context) => redeliverWebhook(context, input),
  }),
}));

const WebhookConnection = builder.connectionObject({ type: WebhookRef, name: 'WebhookConnection' });
const DeliveryConnection = builder.connectionObject({ type: DeliveryRef, name: 'WebhookDeliveryConnection' });

builder.queryFields((t) => ({
  webhook: t.field({
    type: WebhookRef,
    description: 'One webhook. Requires the scope `webhooks:read`.',
    args: { id: t.arg.id({ required: true, description: WEBHOOK_ID }) },
    resolve: (_, { id }, context) => getWebhook(context, id),
  }),
  webhooks: t.field({
    type: WebhookConnection,
    description: 'The webhooks, newest first. Requires the scope `webhooks:read`.',
    args: {
      first: t.arg.int({ description: PAGE_SIZE_DESCRIPTION }),
      after: t.arg.string({ description: CURSOR_DESCRIPTION }),
    },
    resolve: async (_, args, context) =>
      toConnection(WEBHOOK_CURSOR, await listWebhooks(context, args), ({ id }) => id, args.after),
  }),
  webhookDeliveries: t.field({
    type: DeliveryConnection,
    description: 'The deliveries of a webhook, newest first. Requires the scope `webhooks:read`.',
    args: {
      id: t.arg.id({ required: true, description: WEBHOOK_ID }),
      first: t.arg.int({ description: PAGE_SIZE_DESCRIPTION }),
      after: t.arg.string({ description: CURSOR_DESCRIPTION }),
    },
    resolve: async (_, args, context) =>
      toConnection(DELIVERY_CURSOR, await listDeliveries(context, args), ({ id }) => id, args.after),
  }),
}));
