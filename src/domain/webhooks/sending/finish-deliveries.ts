import { formatId } from '../../../platform/ids.ts';
import type { Database, Sql } from '../../../platform/postgres/database.ts';
import { recordAudit, SERVER } from '../../audit/record-audit.ts';
import type { WaitingWebhook } from './claim-deliveries.ts';
import type { DeliveryStatus } from './delivery.ts';
import type { TriedDelivery } from './try-delivery.ts';

/** A delivery after a try. */
export interface FinishedDelivery extends WaitingWebhook {
  id: string;
  tried: TriedDelivery;
}

// The rows are locked in the order of their ids, as those are who cancel them. A delivery that was
// cancelled while it was on its way keeps that status, unless it arrived; the try is logged anyway.
const FINISH = `
  WITH tried AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::jsonb[], $4::boolean[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[])
      AS t(organization_id, id, attempt, succeeded, next_attempt_at, started_at, finished_at)),
  locked AS (
    SELECT d.organization_id, d.id FROM webhook_deliveries d JOIN tried t USING (organization_id, id)
     ORDER BY d.organization_id, d.id FOR UPDATE OF d)
  UPDATE webhook_deliveries d
     SET attempts = d.attempts || t.attempt,
         first_attempt_at = coalesce(d.first_attempt_at, t.started_at),
         status = CASE WHEN t.succeeded THEN 'succeeded' WHEN d.status <> 'pending' THEN d.status
                       WHEN t.next_attempt_at IS NULL THEN 'failed' ELSE 'pending' END::delivery_status,
         next_attempt_at = CASE WHEN d.status = 'pending' THEN t.next_attempt_at END,
         finished_at = CASE WHEN t.succeeded OR t.next_attempt_at IS NULL THEN t.finished_at ELSE d.finished_at END
    FROM tried t JOIN locked l USING (organization_id, id)
   WHERE d.organization_id = t.organization_id AND d.id = t.id
  RETURNING d.status::text AS status, d.first_attempt_at`;

async function writeTries(sql: Sql, finished: readonly FinishedDelivery[], now: Date) {
  const columns = finished.map(({ tried }) => tried);
  const { rows } = await sql.query<{ status: DeliveryStatus; first_attempt_at: Date }>({
    name: 'finish-webhook-deliveries',
    text: FINISH,
    values: [
      finished.map(({ organizationId }) => organizationId),
      finished.map(({ id }) => id),
      columns.map(({ attempt }) => JSON.stringify(attempt)),
      columns.map(({ succeeded }) => succeeded),
      columns.map(({ nextAttemptMs }) => (nextAttemptMs === null ? null : new Date(nextAttemptMs))),
      columns.map(({ attempt }) => attempt.at),
      columns.map(() => now),
    ],
  });
  return rows;
}

/**
 * A delivery that has failed for good, and what that means for its webhook, in one transaction: it is
 * disabled where it is gone, or where nothing has reached it since the first try of this delivery.
 */
async function writeFailure(database: Database, finished: FinishedDelivery, now: Date): Promise<void> {
  const { organizationId, webhookId, tried } = finished;
  await database.transaction(async (sql) => {
    await sql.query('SELECT lock_organization($1)', [organizationId]);
    const [row] = await writeTries(sql, [finished], now);
    // It was cancelled meanwhile: the webhook was disabled by hand, and may be enabled again.
    if (row?.status !== 'failed') return;
    const reason = tried.isGone ? 'gone' : 'failing';
    const values = [organizationId, webhookId, now, reason, row.first_attempt_at, tried.attempt.statusCode];
    const text = 'SELECT disable_webhook($1, $2, $3, $4::webhook_disabled_reason, $5, $6) AS was_disabled';
    const disabled = await sql.query<{ was_disabled: boolean }>(text, values);
    if (!disabled.rows[0]?.was_disabled) return;
    await recordAudit(sql, SERVER, {
      organizationId,
      action: 'webhook.disabled',
      targetId: formatId('webhook', webhookId),
      before: { status: 'enabled' },
      after: { status: 'disabled', disabledReason: reason },
      atMs: now.getTime(),
    });
  });
}

const isFailure = ({ tried }: FinishedDelivery) => !tried.succeeded && tried.nextAttemptMs === null;

/**
 * Writes what became of deliveries: all in one statement, but for those that have failed for good.
 * After an error, what was written may be written again: a try is then listed twice.
 */
export async function finishDeliveries(
  database: Database,
  finished: readonly FinishedDelivery[],
  nowMs: number,
): Promise<void> {
  const now = new Date(nowMs);
  const others = finished.filter((one) => !isFailure(one));
  if (others.length > 0) await database.retryingLostConnections(() => writeTries(database.pool, others, now));
  for (const one of finished.filter(isFailure)) {
    await database.retryingLostConnections(() => writeFailure(database, one, now));
  }
}
