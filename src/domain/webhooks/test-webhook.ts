import { AppError } from '../../platform/errors.ts';
import { formatId, newUuid } from '../../platform/ids.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import type { Delivery } from './sending/delivery.ts';
import { secretPlace } from './sending/signing-secret.ts';
import { tryDelivery } from './sending/try-delivery.ts';
import { getVisibleWebhook, type Webhook } from './webhook.ts';

/** The type of the event that a test sends. It is in no log, and no webhook can ask for it. */
const TEST_EVENT = 'webhook.test';

/** Webhooks that are being tested by this process: one test at a time, since each may take 15 s. */
const underTest = new Set<string>();

function secretsOf({ resources }: Context, webhook: Webhook, nowMs: number): string[] {
  const { secret, previousSecret, previousSecretUntil } = webhook;
  const place = secretPlace(webhook.organizationId, webhook.id);
  const isBoth = previousSecret !== null && previousSecretUntil !== null && previousSecretUntil.getTime() > nowMs;
  return [secret, ...(isBoth ? [previousSecret] : [])].map((one) => resources.webhooks.secrets.open(one, place));
}

async function sendTest(context: Context, webhook: Webhook): Promise<Delivery> {
  const { database, webhooks, config, clock } = context.resources;
  const { organizationId, id: webhookId, url, format } = webhook;
  const nowMs = clock();
  const createdAt = new Date(nowMs);
  const event = {
    id: newUuid(nowMs),
    type: TEST_EVENT,
    createdAt,
    data: { webhookId: formatId('webhook', webhookId) },
  };
  const secrets = secretsOf(context, webhook, nowMs);
  const due = { url, format, secrets, event, tries: 0, budgetName: null };
  const { attempt, succeeded } = await tryDelivery(due, { config, http: webhooks.http, clock });
  const status = succeeded ? ('succeeded' as const) : ('failed' as const);
  const row = { organizationId, id: newUuid(nowMs), webhookId, eventId: event.id, eventType: TEST_EVENT, createdAt };
  // It stays listed among the deliveries, and does not count as something that arrived.
  const times = { firstAttemptAt: createdAt, nextAttemptAt: null };
  await database.prisma.webhookDelivery.create({ data: { ...row, ...times, status, attempts: [{ ...attempt }] } });
  return { ...row, status, attempts: [attempt], nextAttemptAt: null };
}

/**
 * Sends a test event to a webhook, disabled or not, once, and waits for the answer.
 * @param input.id TypeID
 * @throws AppError not_found, conflict (a test of it is running), insufficient_permissions
 */
export async function testWebhook(context: Context, input: { id: string }): Promise<Delivery> {
  const { caller, resources } = context;
  requireScope(caller, 'webhooks:write');
  const webhook = await getVisibleWebhook(resources.database.prisma, caller, input.id);
  if (underTest.has(webhook.id)) throw new AppError('conflict', 'A test of this webhook is running.');
  underTest.add(webhook.id);
  try {
    return await sendTest(context, webhook);
  } finally {
    underTest.delete(webhook.id);
  }
}
