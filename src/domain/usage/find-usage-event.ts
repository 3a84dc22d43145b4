import { AppError } from '../../platform/errors.ts';
import { parseId } from '../../platform/ids.ts';
import type { Sql } from '../../platform/postgres/database.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import { markCorrected } from './adjust/mark-corrected.ts';
import type { UsageEvent } from './event/usage-event.ts';
import {
  readUsageEvent,
  USAGE_EVENT_COLUMNS,
  USAGE_EVENT_TABLES,
  type UsageEventRow,
  usageEventsBy,
} from './event/usage-event-row.ts';
import { whereUsage } from './event/usage-filter.ts';

/**
 * An event by its UUID, or null where there is none that the caller may see. Asks no scope: the
 * verbs do.
 * @param sql a transaction of the caller's, which it is then read in
 */
export async function findUsageEvent(
  { caller, resources }: Context,
  uuid: string,
  sql: Pick<Sql, 'query'> = resources.database.pool,
): Promise<UsageEvent | null> {
  const { conditions, values } = whereUsage(caller);
  values.push(uuid);
  const found = usageEventsBy('', `e.organization_id = $1 AND e.id = $${values.length}`);
  const text = `SELECT ${USAGE_EVENT_COLUMNS} FROM ${found} WHERE ${conditions.join(' AND ')} AND e.adjusts_id IS NULL`;
  // Late repeats ask it too, so it is kept prepared: one text for each number of conditions.
  const name = `find-usage-event-${values.length}`;
  const { rows } = await sql.query<UsageEventRow>({ name, text, values });
  const [event] = await markCorrected(sql, rows.map(readUsageEvent));
  return event ?? null;
}

/** Those of these events (UUIDs) that the caller may see. */
export async function findVisible(
  { caller, resources }: Context,
  uuids: readonly string[],
): Promise<ReadonlySet<string>> {
  if (uuids.length === 0) return new Set();
  const { conditions, values } = whereUsage(caller);
  values.push(uuids);
  const { rows } = await resources.database.pool.query<{ id: string }>(
    `SELECT e.id FROM ${USAGE_EVENT_TABLES} WHERE ${conditions.join(' AND ')} AND e.id = ANY ($${values.length}::uuid[])`,
    values,
  );
  return new Set(rows.map(({ id }) => id));
}

/**
 * An event by its TypeID.
 * @throws AppError not_found, also where the id is invalid or the key may not see it
 */
export async function getUsageEvent(context: Context, id: string): Promise<UsageEvent> {
  requireScope(context.caller, 'usage:read');
  const uuid = parseId('usageEvent', id);
  const event = uuid === null ? null : await findUsageEvent(context, uuid);
  if (event === null) throw new AppError('not_found', 'There is no usage event with this id.');
  return event;
}
