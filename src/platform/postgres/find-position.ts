import { invalidField } from '../errors.ts';
import type { Sql } from './database.ts';

/**
 * Returns the position of an organization's row in a table that is listed by position.
 * @param id UUID of the last row of the page before
 * @throws AppError invalid_request when the organization has no such row
 */
export async function findPosition(
  sql: Sql,
  table: 'events' | 'credit_entries' | 'webhook_deliveries',
  organizationId: string,
  id: string,
): Promise<number> {
  const { rows } = await sql.query<{ position: number }>(
    `SELECT position FROM ${table} WHERE organization_id = $1 AND id = $2`,
    [organizationId, id],
  );
  if (!rows[0]) throw invalidField('after', 'must be a cursor that this list returned');
  return rows[0].position;
}
