import { AppError } from '../../platform/errors.ts';
import { formatId, newUuid, parseId } from '../../platform/ids.ts';
import type { Models } from '../../platform/postgres/database.ts';
import type { Caller } from '../access/caller.ts';
import { requireScope } from '../access/require-scope.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import type { Delivery } from './sending/delivery.ts';
import { getVisibleWebhook, type Webhook } from './webhook.ts';

const NO_DELIVERY = 'There is no delivery with this id.';

interface Source {
  webhook: Webhook;
  eventId: string;
  eventType: string;
}

/** @throws AppError not_found, conflict */
async function findSource(models: Models, caller: Caller, id: string): Promise<Source> {
  const organizationId = caller.organization.id;
  const uuid = parseId('delivery', id);
  const delivery = uuid && (await models.webhookDelivery.findFirst({ where: { organizationId, id: uuid } }));
  if (!delivery) throw new AppError('not_found', NO_DELIVERY);
  const webhook = await getVisibleWebhook(models, caller, formatId('webhook', delivery.webhookId)).catch(() => null);
  if (webhook === null) throw new AppError('not_found', NO_DELIVERY);
  const { eventId, eventType } = delivery;
  if ((await models.event.count({ where: { organizationId, id: eventId } })) === 0) {
    throw new AppError('conflict', `The event of this delivery (${eventType}) is not in the log.`);
  }
  if (webhook.status !== 'enabled') throw new AppError('conflict', 'The webhook is disabled. Enable it first.');
  return { webhook, eventId, eventType };
}

/**
 * Sends the event of a delivery once more, as a delivery of its own that is retried like any other. Its
 * `webhook-id` is the same.
 * @param input.id TypeID of the delivery
 * @returns the new delivery
 * @throws AppError not_found, conflict (the webhook is disabled, the event is not in the log),
 * insufficient_permissions
 */
export async function redeliverWebhook(context: Context, input: { id: string }): Promise<Delivery> {
  const { caller, resources } = context;
  requireScope(caller, 'webhooks:write');
  const organizationId = caller.organization.id;
  const atMs = resources.clock();
  const now = new Date(atMs);
  const made = await resources.database.change(async (models) => {
    await models.$executeRaw`SELECT lock_organization(${organizationId}::uuid)`;
    const { webhook, eventId, eventType } = await findSource(models, caller, input.id);
    const id = newUuid(atMs);
    const row = { organizationId, id, webhookId: webhook.id, eventId, eventType };
    await models.webhookDelivery.create({ data: { ...row, nextAttemptAt: now, createdAt: now } });
    const after = { deliveryId: formatId('delivery', id), eventId: formatId('event', eventId) };
    const change = { action: 'webhook.redelivered', targetId: formatId('webhook', webhook.id), atMs };
    await recordAudit(models, context, { ...change, before: null, after });
    return { ...row, status: 'pending' as const, attempts: [], nextAttemptAt: now, createdAt: now };
  });
  resources.webhooks.wake(organizationId);
  return made;
}
