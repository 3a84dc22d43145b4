import { uuidFloor } from '../../platform/ids.ts';
import type { Database } from '../../platform/postgres/database.ts';
import { DAY_MS } from '../../platform/time.ts';

/** As long as the log keeps events at least. */
const KEPT_MS = 90 * DAY_MS;
/** Deliveries that one transaction removes. */
const STEP_ROWS = 5_000;

const STEP = `
  WITH old AS (
    SELECT organization_id, id FROM webhook_deliveries
     WHERE organization_id = $1 AND id < $2 AND status <> 'pending' ORDER BY id LIMIT $3)
  DELETE FROM webhook_deliveries d USING old o WHERE d.organization_id = o.organization_id AND d.id = o.id`;

const DELETED_WEBHOOKS = `
  DELETE FROM webhooks w WHERE w.deleted_at < $1 AND NOT EXISTS (
    SELECT FROM webhook_deliveries d WHERE d.organization_id = w.organization_id AND d.webhook_id = w.id)`;

/**
 * Removes deliveries that are older than 90 days and over, in small steps, and webhooks that were
 * deleted and have none left. Safe to stop and start again anywhere.
 * @param signal aborted: the step under way is rolled back, and the call rejects with its reason
 */
export async function removeOldDeliveries(database: Database, nowMs: number, signal?: AbortSignal): Promise<void> {
  const before = nowMs - KEPT_MS;
  const { rows } = await database.pool.query<{ id: string }>('SELECT DISTINCT organization_id AS id FROM webhooks');
  for (const { id } of rows) {
    for (;;) {
      const values = [id, uuidFloor(before), STEP_ROWS];
      const { rowCount } = await database.transaction((sql) => sql.query(STEP, values), { signal });
      if ((rowCount ?? 0) < STEP_ROWS) break;
    }
  }
  await database.transaction((sql) => sql.query(DELETED_WEBHOOKS, [new Date(before)]), { signal });
}
