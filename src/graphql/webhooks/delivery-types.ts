import { getDelivery } from '../../domain/webhooks/list-deliveries.ts';
import {
  DELIVERY_STATUSES,
  type Delivery,
  type DeliveryAttempt,
  type DeliveryStatus,
} from '../../domain/webhooks/sending/delivery.ts';
import { formatId } from '../../platform/ids.ts';
import { builder } from '../builder/builder.ts';

const STATUSES: Readonly<Record<DeliveryStatus, string>> = {
  pending: 'It is tried now, or will be again.',
  succeeded: 'A try was answered with 2xx.',
  failed: 'Every try failed.',
  cancelled: 'The webhook was disabled or deleted before it arrived.',
};

const DeliveryStatusEnum = builder.enumType('WebhookDeliveryStatus', {
  description: 'What has become of a delivery.',
  values: Object.fromEntries(
    DELIVERY_STATUSES.map((value) => [value.toUpperCase(), { value, description: STATUSES[value] }]),
  ) as Record<string, { value: DeliveryStatus }>,
});

const AttemptRef = builder.objectRef<DeliveryAttempt>('WebhookAttempt').implement({
  description: 'One try of a delivery.',
  fields: (t) => ({
    at: t.field({ type: 'DateTime', resolve: ({ at }) => new Date(at) }),
    statusCode: t.exposeInt('statusCode', { nullable: true, description: 'Null where there was no answer.' }),
    durationMs: t.exposeInt('durationMs', {
      description: 'Milliseconds until the answer, or until the try was given up.',
    }),
    error: t.exposeString('error', {
      nullable: true,
      description: 'Why there was no answer, or why it does not count.',
    }),
    response: t.exposeString('response', { nullable: true, description: 'The first KiB of the answer.' }),
  }),
});

export const DeliveryRef = builder.objectRef<Delivery>('WebhookDelivery');

builder.node(DeliveryRef, {
  description: 'An event on its way to a webhook, with its tries.',
  id: { resolve: ({ id }) => id },
  loadOne: (uuid, context) => getDelivery(context, uuid),
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'attempts' in value,
  fields: (t) => ({
    eventId: t.id({
      description: 'The event. It is the `webhook-id` of every try.',
      resolve: ({ eventId }) => formatId('event', eventId),
    }),
    event: t.exposeString('eventType', { description: 'The type of the event, such as `usage.exceeded`.' }),
    status: t.expose('status', { type: DeliveryStatusEnum }),
    attempts: t.expose('attempts', { type: [AttemptRef], description: 'The tries so far, the first one first.' }),
    nextAttemptAt: t.expose('nextAttemptAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it is tried next; null: it is not.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
  }),
});
