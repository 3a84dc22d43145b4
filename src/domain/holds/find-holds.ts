import { AppError } from '../../platform/errors.ts';
import { parseId } from '../../platform/ids.ts';
import { type Page, type PageInput, parseUuidCursor, readPageSize } from '../../platform/page.ts';
import type { Sql } from '../../platform/postgres/database.ts';
import { type Where, where } from '../../platform/postgres/where.ts';
import type { Caller } from '../access/caller.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import { type Hold, type HoldRow, readHold } from './hold.ts';

export const HOLD_CURSOR = 'hold';

/**
 * The tenant wall of holds: the organization's; for a key bound to a team, those of that team.
 */
function whereHolds(caller: Caller): Where {
  const own = where('organization_id = $?', caller.organization.id);
  return caller.teamId === null ? own : own.and('team_id = $?', caller.teamId);
}

/** Newest first. One whose time is over has expired, whether or not anything has swept it. */
async function findHolds(sql: Sql, { text, values }: Where, limit: number, nowMs: number): Promise<Hold[]> {
  const { rows } = await sql.query<HoldRow>(
    `SELECT id, provider, model, amount, tokens, created_at, expires_at,
            CASE WHEN status = 'active' AND expires_at <= $${values.length + 1} THEN 'expired' ELSE status END AS status
       FROM holds WHERE ${text} ORDER BY id DESC LIMIT ${limit}`,
    [...values, new Date(nowMs)],
  );
  return rows.map(readHold);
}

/**
 * A hold by its TypeID.
 * @throws AppError not_found, insufficient_permissions
 */
export async function getHold({ caller, resources }: Context, id: string): Promise<Hold> {
  requireScope(caller, 'usage:read');
  const { database, clock } = resources;
  const uuid = parseId('hold', id);
  const own = whereHolds(caller).and('id = $?', uuid);
  const [hold] = uuid === null ? [] : await findHolds(database.pool, own, 1, clock());
  if (!hold) throw new AppError('not_found', 'There is no hold with this id.');
  return hold;
}

/**
 * The holds, newest first, those that have ended too.
 * @throws AppError invalid_request, insufficient_permissions
 */
export async function listHolds({ caller, resources }: Context, question: PageInput): Promise<Page<Hold>> {
  requireScope(caller, 'usage:read');
  const size = readPageSize(question.first);
  const own = whereHolds(caller);
  const after = question.after ? own.and('id < $?', parseUuidCursor(HOLD_CURSOR, question.after)) : own;
  const found = await findHolds(resources.database.pool, after, size + 1, resources.clock());
  return { items: found.slice(0, size), hasMore: found.length > size };
}
