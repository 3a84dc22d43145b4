import { AppError } from '../../platform/errors.ts';
import { type Page, type PageInput, parseUuidCursor, readPageSize } from '../../platform/page.ts';
import type { Sql } from '../../platform/postgres/database.ts';
import { findPosition } from '../../platform/postgres/find-position.ts';
import { type Where, where } from '../../platform/postgres/where.ts';
import type { Caller } from '../access/caller.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import { describeEvent, type EventRow, type EventType, type LoggedEvent } from './event.ts';

export const EVENT_CURSOR = 'event';

export interface EventQuestion extends PageInput {
  types?: readonly EventType[] | null;
}

/**
 * The tenant wall of the log: the organization's events; for a key bound to a team, those of that
 * team.
 */
function whereEvents(caller: Caller): Where {
  const own = where('organization_id = $?', caller.organization.id);
  return caller.teamId === null ? own : own.and('team_id = $?', caller.teamId);
}

const COLUMNS = 'id, position, type, created_at, data';

/**
 * The log of what happened, newest first.
 * @throws AppError invalid_request, insufficient_permissions
 */
export async function listEvents({ caller, resources }: Context, question: EventQuestion): Promise<Page<LoggedEvent>> {
  requireScope(caller, 'events:read');
  const size = readPageSize(question.first);
  let wanted = whereEvents(caller);
  const after = parseUuidCursor(EVENT_CURSOR, question.after);
  if (after !== null) {
    // Positions are numbered over all organizations, so a cursor must not show one.
    const position = await findPosition(resources.database.pool, 'events', whereEvents(caller), after);
    wanted = wanted.and('position < $?::bigint', position);
  }
  // What a raise uncovers that has run out is in the log from then on, whether or not anything ran.
  const values = [caller.organization.id, new Date(resources.clock())];
  await resources.database.pool.query({ name: 'end-raises', text: 'SELECT end_raises($1, $2)', values });
  if (question.types && question.types.length > 0) wanted = wanted.and('type = ANY ($?::text[])', question.types);
  const { rows } = await resources.database.pool.query<EventRow>(
    `SELECT ${COLUMNS} FROM events WHERE ${wanted.text} ORDER BY position DESC LIMIT ${size + 1}`,
    wanted.values,
  );
  return { items: rows.slice(0, size).map(describeEvent), hasMore: rows.length > size };
}

/**
 * What was logged after a position, oldest first: how webhooks and subscriptions follow the log.
 * Positions are given out under the organization's lock, so none below one that was read is still
 * to come.
 */
export async function readEventsAfter(
  sql: Sql,
  organizationId: string,
  position: number,
  limit: number,
): Promise<LoggedEvent[]> {
  const { rows } = await sql.query<EventRow>(
    `SELECT ${COLUMNS} FROM events WHERE organization_id = $1 AND position > $2 ORDER BY position LIMIT $3`,
    [organizationId, position, limit],
  );
  return rows.map(describeEvent);
}

/** An event by its UUID. @throws AppError not_found, insufficient_permissions */
export async function getEvent({ caller, resources }: Context, uuid: string): Promise<LoggedEvent> {
  requireScope(caller, 'events:read');
  const { text, values } = whereEvents(caller).and('id = $?', uuid);
  const { rows } = await resources.database.pool.query<EventRow>(`SELECT ${COLUMNS} FROM events WHERE ${text}`, values);
  if (!rows[0]) throw new AppError('not_found', 'There is no event with this id.');
  return describeEvent(rows[0]);
}
