import { invalidField } from '../../platform/errors.ts';
import { formatId, parseAnyId, parseId, uuidFloor } from '../../platform/ids.ts';
import type { Sql } from '../../platform/postgres/database.ts';
import { type Where, where } from '../../platform/postgres/where.ts';
import { endMsOf } from '../../platform/time.ts';
import type { Caller } from '../access/caller.ts';

/** Which changes are listed. A field that is left out filters nothing. */
export interface AuditFilter {
  /** TypeID of an API key or of a member, or the word `operator`. */
  actor?: string | null;
  /** Noun and past participle: `team.created`. */
  action?: string | null;
  /** TypeID of what was changed. */
  target?: string | null;
  start?: Date | null;
  end?: Date | null;
}

const OPERATOR_WORD = 'operator';
const ACTION = /^[a-z_]{1,50}\.[a-z_]{1,50}$/;

/**
 * The tenant wall of the audit log, in SQL. A key that is bound to a team sees what was done to that
 * team itself.
 */
export function auditWall(caller: Caller): Where {
  const own = where('organization_id = $?', caller.organization.id);
  return caller.teamId === null ? own : own.and('target_id = $?', formatId('team', caller.teamId));
}

/** The table of an actor, and its column in an entry. */
const ACTORS = {
  apiKey: { table: 'api_keys', column: 'actor_key_id' },
  member: { table: 'members', column: 'actor_member_id' },
} as const;

/**
 * Whether the caller may know of an actor: it is the caller's own key or member, or it made a change
 * that the caller may read.
 */
async function isVisibleActor(sql: Sql, caller: Caller, kind: keyof typeof ACTORS, uuid: string): Promise<boolean> {
  const { table, column } = ACTORS[kind];
  const owned = where('organization_id = $? AND id = $?', caller.organization.id, uuid);
  const visible = caller.teamId === null ? owned : owned.and('team_id = $?', caller.teamId);
  const found = await sql.query(`SELECT FROM ${table} WHERE ${visible.text}`, visible.values);
  if (found.rows.length > 0) return true;
  const acted = auditWall(caller).and(`${column} = $?`, uuid);
  return (await sql.query(`SELECT FROM audit_entries WHERE ${acted.text} LIMIT 1`, acted.values)).rows.length > 0;
}

async function byActor(sql: Sql, caller: Caller, all: Where, actor: string): Promise<Where> {
  // The server itself, which made the first organization, has no address.
  if (actor === OPERATOR_WORD) {
    return all.and('actor_key_id IS NULL AND actor_member_id IS NULL AND address IS NOT NULL');
  }
  for (const kind of ['apiKey', 'member'] as const) {
    const uuid = parseId(kind, actor);
    if (uuid === null) continue;
    if (await isVisibleActor(sql, caller, kind, uuid)) return all.and(`${ACTORS[kind].column} = $?`, uuid);
    throw invalidField('actor', 'there is no such API key or member');
  }
  throw invalidField('actor', `must be the id of an API key or a member, or ${OPERATOR_WORD}`);
}

/**
 * The conditions over `audit_entries`, the caller's wall first. An entry's id begins with its time, so
 * a range of time is a range of every index that ends with the id.
 * @throws AppError invalid_request for a value of a wrong form, an actor that does not exist or that
 * the caller may not see, and an end that is not after the start
 */
export async function whereAuditEntries(sql: Sql, caller: Caller, filter: AuditFilter): Promise<Where> {
  const { actor = null, action = null, target = null, start = null, end = null } = filter;
  let all = auditWall(caller);
  if (action !== null) {
    if (!ACTION.test(action)) throw invalidField('action', 'must be an action such as team.created');
    all = all.and('action = $?', action);
  }
  if (target !== null) {
    if (parseAnyId(target) === null) throw invalidField('target', 'must be an id such as team_...');
    all = all.and('target_id = $?', target);
  }
  const endMs = end && endMsOf(end);
  if (start && endMs !== null && start.getTime() >= endMs) throw invalidField('end', 'must be after start');
  if (start) all = all.and('id >= $?::uuid', uuidFloor(start.getTime()));
  if (endMs !== null) all = all.and('id < $?::uuid', uuidFloor(endMs));
  return actor === null ? all : byActor(sql, caller, all, actor);
}
