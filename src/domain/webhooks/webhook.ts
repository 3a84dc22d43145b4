import type { Prisma, Webhook } from '../../../prisma/generated/client/client.ts';
import { AppError } from '../../platform/errors.ts';
import { formatId, parseId } from '../../platform/ids.ts';
import type { Models } from '../../platform/postgres/database.ts';
import type { Caller } from '../access/caller.ts';

export type { Webhook };

export const WEBHOOK_FORMATS = ['standard', 'slack'] as const;
export const WEBHOOK_STATUSES = ['enabled', 'disabled'] as const;
export const DISABLED_REASONS = ['gone', 'failing', 'by_hand'] as const;

export const WEBHOOK_LIMITS = {
  /** Of an organization. */
  webhooks: 100,
  urlCharacters: 2_048,
  descriptionCharacters: 500,
  eventTypes: 50,
} as const;

/** A webhook with the secret that only who made or rotated it is shown. */
export type WebhookWithSecret = Webhook & { shownSecret: string };

/**
 * The tenant wall of webhooks: those of the caller's organization, or of the one team that its key is
 * bound to. Deleted ones are not there.
 */
export function whereWebhooks(caller: Caller) {
  const where = { organizationId: caller.organization.id, deletedAt: null };
  return (caller.teamId === null ? where : { ...where, teamId: caller.teamId }) satisfies Prisma.WebhookWhereInput;
}

/**
 * A webhook by its TypeID. Asks no scope: the verbs do.
 * @throws AppError not_found, the same for one that is missing, deleted, another's, or that the key
 * may not see
 */
export async function getVisibleWebhook(models: Models, caller: Caller, id: string): Promise<Webhook> {
  const uuid = parseId('webhook', id);
  const webhook = uuid && (await models.webhook.findFirst({ where: { AND: whereWebhooks(caller), id: uuid } }));
  if (!webhook) throw new AppError('not_found', 'There is no webhook with this id.');
  return webhook;
}

/**
 * The same, under the lock of its organization, which everybody who raises events has: an event comes
 * wholly before what is changed now, or wholly after it.
 * @throws AppError not_found
 */
export async function lockWebhook(models: Models, caller: Caller, id: string): Promise<Webhook> {
  await models.$executeRaw`SELECT lock_organization(${caller.organization.id}::uuid)`;
  return getVisibleWebhook(models, caller, id);
}

/** What identifies a webhook's row. */
export function keyOf({ organizationId, id }: Pick<Webhook, 'organizationId' | 'id'>) {
  return { organizationId_id: { organizationId, id } };
}

/** What the audit log keeps of a webhook: no secret. */
export function auditWebhook({ url, eventTypes, teamId, format, description, status }: Webhook): object {
  return { url, events: eventTypes, teamId: teamId && formatId('team', teamId), format, description, status };
}
