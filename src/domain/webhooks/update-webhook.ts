import { requireScope } from '../access/require-scope.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { readSettings, type WebhookSettings } from './read-webhook-input.ts';
import { auditWebhook, keyOf, lockWebhook, type Webhook } from './webhook.ts';

/** What is left out stays. */
export interface UpdateWebhookInput extends WebhookSettings {
  /** TypeID. */
  id: string;
  status?: Webhook['status'] | null;
}

/** Only of a webhook that is disabled is there a reason. */
function readStatus(webhook: Webhook, status: Webhook['status'] | null | undefined): Partial<Webhook> {
  if (status === undefined || status === null || status === webhook.status) return {};
  return { status, disabledReason: status === 'disabled' ? 'by_hand' : null };
}

/**
 * Changes a webhook. One that is disabled gets nothing, and what waits for it is cancelled; one that is
 * enabled again gets what happens from then on. What changes nothing is not audited.
 * @throws AppError not_found, invalid_request, insufficient_permissions
 */
export async function updateWebhook(context: Context, input: UpdateWebhookInput): Promise<Webhook> {
  const { caller, resources } = context;
  requireScope(caller, 'webhooks:write');
  const settings = await readSettings(context, input);
  const atMs = resources.clock();
  const now = new Date(atMs);
  const updated = await resources.database.change(async (models) => {
    const webhook = await lockWebhook(models, caller, input.id);
    const wanted = { ...settings, ...readStatus(webhook, input.status) };
    const [before, after] = [auditWebhook(webhook), auditWebhook({ ...webhook, ...wanted })];
    if (JSON.stringify(before) === JSON.stringify(after)) return webhook;
    const changed = await models.webhook.update({ where: keyOf(webhook), data: { ...wanted, updatedAt: now } });
    if (wanted.status === 'disabled') {
      await models.$executeRaw`
        SELECT cancel_webhook_deliveries(${webhook.organizationId}::uuid, ${[webhook.id]}::uuid[], ${now})`;
    }
    await recordAudit(models, context, { action: 'webhook.updated', targetId: input.id, before, after, atMs });
    return changed;
  });
  resources.webhooks.changed(updated.organizationId, updated.id);
  return updated;
}
