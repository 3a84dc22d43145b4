import { AppError } from '../../platform/errors.ts';
import { type Page, type PageInput, parseUuidCursor, readPageSize } from '../../platform/page.ts';
import { findPosition } from '../../platform/postgres/find-position.ts';
import { where } from '../../platform/postgres/where.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import { DELIVERY_COLUMNS, type Delivery } from './sending/delivery.ts';
import { getVisibleWebhook } from './webhook.ts';

export const DELIVERY_CURSOR = 'delivery';

/**
 * The deliveries of a webhook, newest first, with their tries.
 * @param question.id TypeID of the webhook
 * @throws AppError not_found, invalid_request, insufficient_permissions
 */
export async function listDeliveries(
  { caller, resources }: Context,
  question: PageInput & { id: string },
): Promise<Page<Delivery>> {
  requireScope(caller, 'webhooks:read');
  const { pool, prisma } = resources.database;
  const size = readPageSize(question.first);
  const after = parseUuidCursor(DELIVERY_CURSOR, question.after);
  const webhook = await getVisibleWebhook(prisma, caller, question.id);
  let wanted = where('d.organization_id = $?', caller.organization.id).and('d.webhook_id = $?', webhook.id);
  if (after !== null) {
    const position = await findPosition(pool, 'webhook_deliveries', caller.organization.id, after);
    wanted = wanted.and('d.position < $?::bigint', position);
  }
  const { rows } = await pool.query<Delivery>(
    `SELECT ${DELIVERY_COLUMNS} FROM webhook_deliveries d WHERE ${wanted.text} ORDER BY d.position DESC LIMIT ${size + 1}`,
    wanted.values,
  );
  return { items: rows.slice(0, size), hasMore: rows.length > size };
}

const VISIBLE_DELIVERY = `
  SELECT ${DELIVERY_COLUMNS} FROM webhook_deliveries d
    JOIN webhooks w ON w.organization_id = d.organization_id AND w.id = d.webhook_id AND w.deleted_at IS NULL
   WHERE d.organization_id = $1 AND d.id = $2 AND ($3::uuid IS NULL OR w.team_id = $3)`;

/**
 * A delivery by its UUID.
 * @throws AppError not_found, insufficient_permissions
 */
export async function getDelivery({ caller, resources }: Context, uuid: string): Promise<Delivery> {
  requireScope(caller, 'webhooks:read');
  const values = [caller.organization.id, uuid, caller.teamId];
  const { rows } = await resources.database.pool.query<Delivery>(VISIBLE_DELIVERY, values);
  if (!rows[0]) throw new AppError('not_found', 'There is no delivery with this id.');
  return rows[0];
}
