import { invalidField } from '../errors.ts';
import type { Sql } from './database.ts';
import type { Where } from './where.ts';

/**
 * Returns the position of a row in a table that is listed by position.
 * @param visible the tenant wall of the list: a row behind it must not differ from one that does not exist
 * @param id UUID of the last row of the page before
 * @throws AppError invalid_request when there is no such visible row
 */
export async function findPosition(
  sql: Sql,
  table: 'events' | 'credit_entries' | 'webhook_deliveries',
  visible: Where,
  id: string,
): Promise<number> {
  const { text, values } = visible.and('id = $?', id);
  const { rows } = await sql.query<{ position: number }>(`SELECT position FROM ${table} WHERE ${text}`, values);
  if (!rows[0]) throw invalidField('after', 'must be a cursor that this list returned');
  return rows[0].position;
}
