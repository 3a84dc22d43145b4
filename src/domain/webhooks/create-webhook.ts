import { AppError, invalidField } from '../../platform/errors.ts';
import { formatId, newUuid } from '../../platform/ids.ts';
import type { Models } from '../../platform/postgres/database.ts';
import type { Caller } from '../access/caller.ts';
import { requireScope } from '../access/require-scope.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { readSettings, readTeam, unknownTeam, type WebhookSettings } from './read-webhook-input.ts';
import { newSigningSecret, secretPlace } from './sending/signing-secret.ts';
import { auditWebhook, WEBHOOK_LIMITS, type Webhook, type WebhookWithSecret } from './webhook.ts';

export interface CreateWebhookInput extends WebhookSettings {
  url: string;
  /** Types of events, or `*`. */
  events: readonly string[];
  /** TypeID. Set: only events of this team. */
  teamId?: string | null;
  format?: Webhook['format'] | null;
}

/** Under the organization's lock, which the deletion of a team takes too. */
async function requireLivingTeam(models: Models, caller: Caller, teamId: string | null): Promise<void> {
  if (teamId === null) return;
  const where = { organizationId: caller.organization.id, id: teamId, deletedAt: null };
  if ((await models.team.count({ where })) === 0) throw unknownTeam();
}

async function requireRoom(models: Models, caller: Caller): Promise<void> {
  const count = await models.webhook.count({ where: { organizationId: caller.organization.id, deletedAt: null } });
  if (count < WEBHOOK_LIMITS.webhooks) return;
  throw new AppError('conflict', `An organization has at most ${WEBHOOK_LIMITS.webhooks} webhooks.`);
}

/**
 * Makes a webhook. It receives what happens from now on.
 * @throws AppError invalid_request, conflict (too many webhooks), insufficient_permissions
 */
export async function createWebhook(context: Context, input: CreateWebhookInput): Promise<WebhookWithSecret> {
  const { caller, resources } = context;
  requireScope(caller, 'webhooks:write');
  const teamId = readTeam(context, input.teamId);
  const { url, eventTypes, description = null } = await readSettings(context, input);
  if (url === undefined || eventTypes === undefined) throw invalidField('url', 'must be given');
  const organizationId = caller.organization.id;
  const atMs = resources.clock();
  const now = new Date(atMs);
  const id = newUuid(atMs);
  const shownSecret = newSigningSecret();
  const secret = Uint8Array.from(resources.webhooks.secrets.close(shownSecret, secretPlace(organizationId, id)));
  const made = await resources.database.change(async (models) => {
    await models.$executeRaw`SELECT lock_organization(${organizationId}::uuid)`;
    await requireLivingTeam(models, caller, teamId);
    await requireRoom(models, caller);
    const format = input.format ?? 'standard';
    const data = { organizationId, id, teamId, url, eventTypes, format, description, secret };
    const webhook = await models.webhook.create({ data: { ...data, createdAt: now, updatedAt: now } });
    const change = { action: 'webhook.created', targetId: formatId('webhook', id), atMs };
    await recordAudit(models, context, { ...change, before: null, after: auditWebhook(webhook) });
    return webhook;
  });
  return { ...made, shownSecret };
}
