import { AppError, invalidField } from '../../platform/errors.ts';
import { parseId } from '../../platform/ids.ts';
import { type Page, type PageInput, parseUuidCursor, readPageSize } from '../../platform/page.ts';
import type { Sql } from '../../platform/postgres/database.ts';
import { findPosition } from '../../platform/postgres/find-position.ts';
import { type Where, where } from '../../platform/postgres/where.ts';
import type { Caller } from '../access/caller.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import { describeEvent, EVENT_COLUMNS, type EventRow, type LoggedEvent } from './event.ts';
import type { EventType } from './event-types.ts';

export const EVENT_CURSOR = 'event';

/** Ids are TypeIDs, as the caller gave them. */
export interface EventQuestion extends PageInput {
  types?: readonly EventType[] | null;
  teamId?: string | null;
  /** What came after this event, oldest first, instead of everything, newest first. */
  since?: string | null;
}

/**
 * The tenant wall of the log: the organization's events; for a key bound to a team, those of that
 * team.
 */
function whereEvents(caller: Caller): Where {
  const own = where('organization_id = $?', caller.organization.id);
  return caller.teamId === null ? own : own.and('team_id = $?', caller.teamId);
}

/** @throws AppError invalid_request where the caller sees no such team */
export async function requireTeam({ caller, resources }: Context, teamId: string): Promise<string> {
  const uuid = parseId('team', teamId);
  const isOwn = uuid !== null && (caller.teamId === null || caller.teamId === uuid);
  const text = 'SELECT FROM teams WHERE organization_id = $1 AND id = $2';
  const found = isOwn ? await resources.database.pool.query(text, [caller.organization.id, uuid]) : null;
  if (uuid === null || !found?.rowCount) throw invalidField('teamId', 'there is no such team');
  return uuid;
}

/**
 * The position of an event that the caller may see.
 * @param eventId TypeID
 * @param path the argument that named it
 * @throws AppError invalid_request where it is not in the log, or the caller may not see it
 */
export async function requireEventPosition(
  { caller, resources }: Context,
  eventId: string,
  path: string,
): Promise<number> {
  const uuid = parseId('event', eventId);
  const { text, values } = whereEvents(caller).and('id = $?', uuid);
  const found =
    uuid === null
      ? null
      : await resources.database.pool.query<{ position: number }>(`SELECT position FROM events WHERE ${text}`, values);
  const position = found?.rows[0]?.position;
  if (position === undefined) throw invalidField(path, 'must be the id of an event in the log');
  return position;
}

/**
 * What a raise uncovers that has run out is in the log from then on, whether or not anything ran:
 * whoever reads the log does this first.
 */
export async function endRaisesOf({ caller, resources }: Context): Promise<void> {
  const values = [caller.organization.id, new Date(resources.clock())];
  await resources.database.pool.query({ name: 'end-raises', text: 'SELECT end_raises($1, $2)', values });
}

/** The position of the organization's newest event; 0 where nothing has happened. */
export async function findNewestPosition(sql: Sql, organizationId: string): Promise<number> {
  const { rows } = await sql.query<{ position: number }>({
    name: 'newest-event',
    text: 'SELECT position FROM events WHERE organization_id = $1 ORDER BY position DESC LIMIT 1',
    values: [organizationId],
  });
  return rows[0]?.position ?? 0;
}

/**
 * The log of what happened, newest first; with `since`, what came after that, oldest first.
 * @throws AppError invalid_request, insufficient_permissions
 */
export async function listEvents(context: Context, question: EventQuestion): Promise<Page<LoggedEvent>> {
  const { caller, resources } = context;
  requireScope(caller, 'events:read');
  const size = readPageSize(question.first);
  let wanted = whereEvents(caller);
  const { since, teamId } = question;
  const isForward = since !== undefined && since !== null;
  if (isForward) {
    wanted = wanted.and('position > $?::bigint', await requireEventPosition(context, since, 'since'));
  }
  if (teamId !== undefined && teamId !== null) wanted = wanted.and('team_id = $?', await requireTeam(context, teamId));
  const after = parseUuidCursor(EVENT_CURSOR, question.after);
  if (after !== null) {
    // Positions are numbered over all organizations, so a cursor must not show one.
    const position = await findPosition(resources.database.pool, 'events', whereEvents(caller), after);
    wanted = wanted.and(`position ${isForward ? '>' : '<'} $?::bigint`, position);
  }
  await endRaisesOf(context);
  if (question.types && question.types.length > 0) wanted = wanted.and('type = ANY ($?::text[])', question.types);
  const { rows } = await resources.database.pool.query<EventRow>(
    `SELECT ${EVENT_COLUMNS} FROM events WHERE ${wanted.text} ORDER BY position ${isForward ? '' : 'DESC'} LIMIT ${size + 1}`,
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
    `SELECT ${EVENT_COLUMNS} FROM events WHERE organization_id = $1 AND position > $2 ORDER BY position LIMIT $3`,
    [organizationId, position, limit],
  );
  return rows.map(describeEvent);
}

/** An event by its UUID. @throws AppError not_found, insufficient_permissions */
export async function getEvent({ caller, resources }: Context, uuid: string): Promise<LoggedEvent> {
  requireScope(caller, 'events:read');
  const { text, values } = whereEvents(caller).and('id = $?', uuid);
  const { rows } = await resources.database.pool.query<EventRow>(
    `SELECT ${EVENT_COLUMNS} FROM events WHERE ${text}`,
    values,
  );
  if (!rows[0]) throw new AppError('not_found', 'There is no event with this id.');
  return describeEvent(rows[0]);
}
