export const DELIVERY_STATUSES = ['pending', 'succeeded', 'failed', 'cancelled'] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

/** One try. */
export interface DeliveryAttempt {
  /** RFC 3339. */
  at: string;
  /** Null: there was no answer. */
  statusCode: number | null;
  durationMs: number;
  error: string | null;
  /** The first KiB of the answer. */
  response: string | null;
}

/** An event on its way to a webhook. Ids are UUIDs. */
export interface Delivery {
  id: string;
  webhookId: string;
  eventId: string;
  /** `usage.exceeded`, or `webhook.test`. */
  eventType: string;
  status: DeliveryStatus;
  attempts: DeliveryAttempt[];
  /** Null once nothing more is tried. */
  nextAttemptAt: Date | null;
  createdAt: Date;
}

/** Selects a {@link Delivery} from a row `d`. */
export const DELIVERY_COLUMNS = `d.id, d.webhook_id AS "webhookId", d.event_id AS "eventId", d.event_type AS "eventType",
  d.status::text AS status, d.attempts, d.next_attempt_at AS "nextAttemptAt", d.created_at AS "createdAt"`;
