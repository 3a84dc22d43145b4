import type { SecretBox } from '../../../platform/cipher.ts';
import type { Sql } from '../../../platform/postgres/database.ts';
import { describeData, type EventType } from '../../event-log/event-types.ts';
import type { SentEvent } from './sent-event.ts';
import { secretPlace } from './signing-secret.ts';

/** A webhook whose deliveries wait. */
export interface WaitingWebhook {
  organizationId: string;
  webhookId: string;
}

/** A delivery that is to be tried now. */
export interface DueDelivery extends WaitingWebhook {
  id: string;
  /** How many tries there were before. */
  tries: number;
  url: string;
  format: 'standard' | 'slack';
  /** The newest first. */
  secrets: string[];
  event: SentEvent;
  budgetName: string | null;
}

/** A claimed webhook: this process sends to it for the time of the lease. */
export interface ClaimedWebhook extends WaitingWebhook {
  due: DueDelivery[];
  /** Deliveries that can never be sent, and why. */
  unsendable: { id: string; tries: number; error: string }[];
}

const MAX_WEBHOOKS = 1_000;

// An index that has only what waits, by webhook, is read one entry a webhook, however much waits for
// each. `waiting` finds the next webhook by the one before it.
const DUE_ANYWHERE = `
  WITH RECURSIVE waiting AS (
    (SELECT d.organization_id, d.webhook_id FROM webhook_deliveries d WHERE d.status = 'pending'
      ORDER BY d.organization_id, d.webhook_id LIMIT 1)
    UNION ALL
    SELECT n.organization_id, n.webhook_id FROM waiting w CROSS JOIN LATERAL (
      SELECT d.organization_id, d.webhook_id FROM webhook_deliveries d
       WHERE d.status = 'pending' AND (d.organization_id, d.webhook_id) > (w.organization_id, w.webhook_id)
       ORDER BY d.organization_id, d.webhook_id LIMIT 1) n)
  SELECT w.organization_id AS "organizationId", w.webhook_id AS "webhookId" FROM waiting w
   WHERE w.webhook_id <> ALL ($2::uuid[]) AND EXISTS (
     SELECT FROM webhook_deliveries d WHERE d.organization_id = w.organization_id AND d.webhook_id = w.webhook_id
        AND d.status = 'pending' AND d.next_attempt_at <= $1)
   LIMIT ${MAX_WEBHOOKS}`;

const DUE_IN_ORGANIZATIONS = `
  SELECT w.organization_id AS "organizationId", w.id AS "webhookId" FROM webhooks w
   WHERE w.organization_id = ANY ($3::uuid[]) AND w.id <> ALL ($2::uuid[]) AND w.status = 'enabled' AND EXISTS (
     SELECT FROM webhook_deliveries d WHERE d.organization_id = w.organization_id AND d.webhook_id = w.id
        AND d.status = 'pending' AND d.next_attempt_at <= $1)
   LIMIT ${MAX_WEBHOOKS}`;

/**
 * The webhooks that something is due for.
 * @param organizationIds null: all of them
 * @param except UUIDs of webhooks that this process has enough of
 */
export async function findDueWebhooks(
  sql: Sql,
  nowMs: number,
  except: readonly string[],
  organizationIds: readonly string[] | null,
): Promise<WaitingWebhook[]> {
  const question =
    organizationIds === null
      ? { name: 'due-webhooks', text: DUE_ANYWHERE, values: [new Date(nowMs), except] }
      : { name: 'due-webhooks-of', text: DUE_IN_ORGANIZATIONS, values: [new Date(nowMs), except, organizationIds] };
  return (await sql.query<WaitingWebhook>(question)).rows;
}

interface ClaimedRow {
  organization_id: string;
  /** Null: the webhook is claimed, and nothing of it is due. */
  id: string | null;
  webhook_id: string;
  event_id: string;
  event_type: EventType;
  tries: number;
  url: string;
  format: 'standard' | 'slack';
  secret: Buffer;
  previous_secret: Buffer | null;
  previous_secret_until: Date | null;
  /** Null: the event is no longer in the log. */
  event_created_at: Date | null;
  event_data: unknown;
  budget_name: string | null;
}

function readEvent(row: ClaimedRow): SentEvent {
  const { event_id: id, event_type: type, event_created_at: createdAt } = row;
  if (createdAt === null) throw new Error('the event is no longer in the log');
  return { id, type, createdAt, data: describeData(type, row.event_data) };
}

function readSecrets(row: ClaimedRow, box: SecretBox, nowMs: number): string[] {
  const place = secretPlace(row.organization_id, row.webhook_id);
  const { previous_secret: previous, previous_secret_until: until } = row;
  const secrets = [box.open(row.secret, place)];
  if (previous !== null && until !== null && until.getTime() > nowMs) secrets.push(box.open(previous, place));
  return secrets;
}

function readDue(row: ClaimedRow, id: string, box: SecretBox, nowMs: number): DueDelivery {
  return {
    id,
    organizationId: row.organization_id,
    webhookId: row.webhook_id,
    tries: row.tries,
    url: row.url,
    format: row.format,
    secrets: readSecrets(row, box, nowMs),
    event: readEvent(row),
    budgetName: row.budget_name,
  };
}

/** What is asked of a webhook. */
export interface Claim extends WaitingWebhook {
  /** The most deliveries to be had. */
  wanted: number;
  /** Ids of those that the caller has already. While it has some, it keeps the webhook. */
  held: readonly string[];
}

export interface Claimer {
  /** UUID of this process's sender. */
  senderId: string;
  leaseMs: number;
  box: SecretBox;
}

/**
 * Claims webhooks, and reads what is due for them. A webhook that another process has is missing in
 * the answer.
 */
export async function claimDeliveries(
  sql: Sql,
  { senderId, leaseMs, box }: Claimer,
  claims: readonly Claim[],
  nowMs: number,
): Promise<ClaimedWebhook[]> {
  const { rows } = await sql.query<ClaimedRow>({
    name: 'claim-webhook-deliveries',
    text: `SELECT * FROM claim_webhook_deliveries(at => $1, claimer => $2, lease_until => $3, organizations => $4,
             ids => $5, wanted => $6, in_flight => $7, busy => $8)`,
    values: [
      new Date(nowMs),
      senderId,
      new Date(nowMs + leaseMs),
      claims.map(({ organizationId }) => organizationId),
      claims.map(({ webhookId }) => webhookId),
      claims.map(({ wanted }) => wanted),
      claims.flatMap(({ held }) => held),
      claims.filter(({ held }) => held.length > 0).map(({ webhookId }) => webhookId),
    ],
  });
  const claimed = new Map<string, ClaimedWebhook>();
  for (const row of rows) {
    const { organization_id: organizationId, webhook_id: webhookId, id } = row;
    const webhook = claimed.get(webhookId) ?? { organizationId, webhookId, due: [], unsendable: [] };
    claimed.set(webhookId, webhook);
    if (id === null) continue;
    try {
      webhook.due.push(readDue(row, id, box, nowMs));
    } catch (error) {
      webhook.unsendable.push({ id, tries: row.tries, error: error instanceof Error ? error.message : String(error) });
    }
  }
  return [...claimed.values()];
}
