import { requireScope } from '../access/require-scope.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { auditWebhook, keyOf, lockWebhook, type Webhook } from './webhook.ts';

/**
 * Deletes a webhook. What waits for it is not sent.
 * @param input.id TypeID
 * @returns the webhook as it was
 * @throws AppError not_found, insufficient_permissions
 */
export async function deleteWebhook(context: Context, input: { id: string }): Promise<Webhook> {
  const { caller, resources } = context;
  requireScope(caller, 'webhooks:write');
  const atMs = resources.clock();
  const now = new Date(atMs);
  const deleted = await resources.database.change(async (models) => {
    const webhook = await lockWebhook(models, caller, input.id);
    // Nobody verifies anything with its secrets any more.
    const data = { deletedAt: now, updatedAt: now, secret: new Uint8Array(), previousSecret: null };
    await models.webhook.update({ where: keyOf(webhook), data });
    await models.$executeRaw`
      SELECT cancel_webhook_deliveries(${webhook.organizationId}::uuid, ${[webhook.id]}::uuid[], ${now})`;
    const before = auditWebhook(webhook);
    await recordAudit(models, context, { action: 'webhook.deleted', targetId: input.id, before, after: null, atMs });
    return webhook;
  });
  resources.webhooks.changed(deleted.organizationId, deleted.id);
  return deleted;
}
