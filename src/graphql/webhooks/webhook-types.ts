import { getWebhook } from '../../domain/webhooks/list-webhooks.ts';
import {
  DISABLED_REASONS,
  WEBHOOK_FORMATS,
  WEBHOOK_STATUSES,
  type Webhook,
  type WebhookWithSecret,
} from '../../domain/webhooks/webhook.ts';
import { formatId } from '../../platform/ids.ts';
import { builder } from '../builder/builder.ts';

const FORMATS: Readonly<Record<Webhook['format'], string>> = {
  standard: 'The event as `GET /v1/events` lists it.',
  slack: "A message for Slack's incoming webhooks.",
};

export const WebhookFormatEnum = builder.enumType('WebhookFormat', {
  description: 'What a webhook receives.',
  values: Object.fromEntries(
    WEBHOOK_FORMATS.map((value) => [value.toUpperCase(), { value, description: FORMATS[value] }]),
  ) as Record<string, { value: Webhook['format'] }>,
});

export const WebhookStatusEnum = builder.enumType('WebhookStatus', {
  description: 'Whether a webhook receives events. For one that is disabled nothing is queued.',
  values: Object.fromEntries(WEBHOOK_STATUSES.map((value) => [value.toUpperCase(), { value }])) as Record<
    string,
    { value: Webhook['status'] }
  >,
});

const REASONS: Readonly<Record<NonNullable<Webhook['disabledReason']>, string>> = {
  gone: 'Its URL answered 410.',
  failing: 'A delivery failed at every try, and none has arrived since its first try.',
  by_hand: 'A caller disabled it.',
};

const DisabledReasonEnum = builder.enumType('WebhookDisabledReason', {
  description: 'Why a webhook is disabled.',
  values: Object.fromEntries(
    DISABLED_REASONS.map((value) => [value.toUpperCase(), { value, description: REASONS[value] }]),
  ) as Record<string, { value: NonNullable<Webhook['disabledReason']> }>,
});

export const WebhookRef = builder.objectRef<Webhook | WebhookWithSecret>('Webhook');

builder.node(WebhookRef, {
  description: 'A URL that events are sent to, signed by the Standard Webhooks scheme.',
  id: { resolve: ({ id }) => id },
  loadOne: (uuid, context) => getWebhook(context, formatId('webhook', uuid)),
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'eventTypes' in value,
  fields: (t) => ({
    url: t.exposeString('url'),
    events: t.exposeStringList('eventTypes', { description: 'Types of events, or `*` for all.' }),
    teamId: t.id({
      nullable: true,
      description: 'The team whose events it receives; null: those of the whole organization.',
      resolve: ({ teamId }) => teamId && formatId('team', teamId),
    }),
    format: t.expose('format', { type: WebhookFormatEnum }),
    description: t.exposeString('description', { nullable: true }),
    status: t.expose('status', { type: WebhookStatusEnum }),
    disabledReason: t.expose('disabledReason', {
      type: DisabledReasonEnum,
      nullable: true,
      description: 'Null while it is enabled.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    secret: t.string({
      nullable: true,
      description: 'What its messages are signed with. Shown when it was made or rotated just now, else null.',
      resolve: (webhook) => ('shownSecret' in webhook ? webhook.shownSecret : null),
    }),
  }),
});
