import { type FieldProblem, invalidField, invalidRequest } from '../../platform/errors.ts';
import { uuidFloor } from '../../platform/ids.ts';
import { type Page, type PageInput, parseUuidCursor, readPageSize } from '../../platform/page.ts';
import type { Sql } from '../../platform/postgres/database.ts';
import { endMsOf } from '../../platform/time.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import { checkText } from '../input/check-text.ts';
import { USAGE_LIMITS } from '../input/limits.ts';
import { markCorrected } from './adjust/mark-corrected.ts';
import { requireVisibleFilter } from './event/require-visible-filter.ts';
import type { UsageEvent } from './event/usage-event.ts';
import {
  readUsageEvent,
  USAGE_EVENT_COLUMNS,
  USAGE_EVENT_TABLES,
  type UsageEventRow,
} from './event/usage-event-row.ts';
import { type UsageFilter, type UsageWhere, whereUsage } from './event/usage-filter.ts';
import { readWithin } from './sums/read-within.ts';

export const HISTORY_PAGE_MAX = 1_000;
export const HISTORY_CURSOR = 'usage';

export interface UsageListQuestion extends PageInput {
  start?: Date | null;
  end?: Date | null;
  recordedAfter?: Date | null;
  /** The caller's own id: at most one event has it. */
  eventId?: string | null;
  filter?: UsageFilter | null;
}

function whereListed(context: Context, question: UsageListQuestion): UsageWhere {
  const where = whereUsage(context.caller, question.filter ?? {});
  // What changes the cost of an event is told with the event.
  where.conditions.push('e.adjusts_id IS NULL');
  const { start, recordedAfter, eventId } = question;
  const endMs = question.end ? endMsOf(question.end) : null;
  if (start && endMs !== null && start.getTime() >= endMs) throw invalidField('end', 'must be after start');
  const add = (condition: string, value: unknown) => {
    where.values.push(value);
    where.conditions.push(`${condition} $${where.values.length}`);
  };
  // The id begins with the event's time, so a range of time is a range of the primary key.
  if (start) add('e.id >=', uuidFloor(start.getTime()));
  if (endMs !== null) add('e.id <', uuidFloor(endMs));
  if (recordedAfter) add('e.recorded_at >', recordedAfter);
  if (eventId !== undefined && eventId !== null) {
    const problems: FieldProblem[] = [];
    checkText(problems, 'eventId', eventId, USAGE_LIMITS.eventId);
    if (problems.length > 0) throw invalidRequest(problems);
    add('e.event_id =', eventId);
  }
  return where;
}

/** Conditions that attributions have columns for: whose they are, and which user and tags. */
const OF_ATTRIBUTION = /^e\.(organization_id|user_id|tags)\b/;

/**
 * Whether any event can fit the filter by user and tags. Every user and set of tags of a folded
 * event is one attribution, so a filter that nothing fits need not read all that the caller ever
 * recorded.
 */
async function canMatch(sql: Sql, { conditions, values, needsEvents }: UsageWhere): Promise<boolean> {
  if (!needsEvents) return true;
  // PostgreSQL wants every parameter used: these conditions are only some, so theirs are numbered
  // anew.
  const used = [values[0]];
  const fits = conditions
    .filter((condition) => OF_ATTRIBUTION.test(condition))
    .map((condition) => condition.replace(/\$(\d+)/g, (_, place) => `$${used.push(values[Number(place) - 1])}`))
    .join(' AND ');
  const { rows } = await sql.query<{ found: boolean }>(
    `SELECT EXISTS (SELECT FROM usage_attributions e WHERE ${fits})
         OR EXISTS (SELECT FROM usage_events_after(
                      organization => $1, after_position => (SELECT position FROM usage_fold)) e WHERE ${fits}) AS found`,
    used,
  );
  return rows[0]?.found ?? false;
}

/**
 * One page of events, newest first by their own time. The cursor is the last event's key, so that
 * events recorded meanwhile move nothing.
 * @param afterUuid the last event of the page before
 */
export async function readUsagePage(
  context: Context,
  question: UsageListQuestion,
  size: number,
  afterUuid: string | null,
): Promise<Page<UsageEvent>> {
  const where = whereListed(context, question);
  const { conditions, values } = where;
  await requireVisibleFilter(context, question.filter);
  return readWithin(context, async (sql) => {
    // Later pages follow a page that had events. One event is found by its id at once.
    const mayBeVast = afterUuid === null && typeof question.eventId !== 'string';
    if (mayBeVast && !(await canMatch(sql, where))) return { items: [], hasMore: false };
    if (afterUuid !== null) {
      values.push(afterUuid);
      conditions.push(`e.id < $${values.length}`);
    }
    values.push(size + 1);
    const { rows } = await sql.query<UsageEventRow>(
      `SELECT ${USAGE_EVENT_COLUMNS} FROM ${USAGE_EVENT_TABLES}
        WHERE ${conditions.join(' AND ')} ORDER BY e.organization_id DESC, e.id DESC LIMIT $${values.length}`,
      values,
    );
    const items = await markCorrected(sql, rows.slice(0, size).map(readUsageEvent));
    return { items, hasMore: rows.length > size };
  });
}

/**
 * The events themselves.
 * @throws AppError invalid_request, insufficient_permissions
 */
export async function listUsageEvents(context: Context, question: UsageListQuestion): Promise<Page<UsageEvent>> {
  requireScope(context.caller, 'usage:read');
  const size = readPageSize(question.first, HISTORY_PAGE_MAX);
  const after = parseUuidCursor(HISTORY_CURSOR, question.after);
  return readUsagePage(context, question, size, after);
}
