import { requireScope } from '../access/require-scope.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { newSigningSecret, secretPlace } from './sending/signing-secret.ts';
import { keyOf, lockWebhook, type WebhookWithSecret } from './webhook.ts';

/** How long the secret before a rotation signs too. */
const OVERLAP_MS = 86_400_000;

/**
 * Gives a webhook a new secret. For 24 hours the one before signs as well, in the same header. Of two
 * rotations within that time, only the newest two secrets sign.
 * @param input.id TypeID
 * @throws AppError not_found, insufficient_permissions
 */
export async function rotateWebhookSecret(context: Context, input: { id: string }): Promise<WebhookWithSecret> {
  const { caller, resources } = context;
  requireScope(caller, 'webhooks:write');
  const shownSecret = newSigningSecret();
  const atMs = resources.clock();
  const rotated = await resources.database.change(async (models) => {
    const webhook = await lockWebhook(models, caller, input.id);
    const place = secretPlace(webhook.organizationId, webhook.id);
    const previousSecretUntil = new Date(atMs + OVERLAP_MS);
    const changed = await models.webhook.update({
      where: keyOf(webhook),
      data: {
        secret: Uint8Array.from(resources.webhooks.secrets.close(shownSecret, place)),
        previousSecret: Uint8Array.from(webhook.secret),
        previousSecretUntil,
        updatedAt: new Date(atMs),
      },
    });
    const change = { action: 'webhook.secret_rotated', targetId: input.id, atMs };
    await recordAudit(models, context, { ...change, before: null, after: { previousSecretUntil } });
    return changed;
  });
  resources.webhooks.changed(rotated.organizationId, rotated.id);
  return { ...rotated, shownSecret };
}
