import type { Caller } from '../access/caller.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import type { LoggedEvent } from '../event-log/event.ts';
import type { EventType } from '../event-log/event-types.ts';
import {
  endRaisesOf,
  findNewestPosition,
  readEventsAfter,
  requireEventPosition,
  requireTeam,
} from '../event-log/list-events.ts';
import type { LiveSource } from './live-source.ts';
import { createLogSource } from './log-source.ts';

/** Events that are read at once for a subscriber that catches up. */
const PAGE_EVENTS = 500;
const SCOPE = 'events:read';

/** Ids are TypeIDs, as the caller gave them. */
export interface EventsWanted {
  types?: readonly EventType[] | null | undefined;
  teamId?: string | null | undefined;
  /** The last event that was seen: what came after it is told first. Without it only what comes. */
  after?: string | null | undefined;
}

/** Whether the caller may see the event: for a key bound to a team, those of that team. */
function isVisible(caller: Caller, { teamId }: LoggedEvent): boolean {
  return caller.teamId === null || caller.teamId === teamId;
}

/**
 * Follows the log of what happened: first what came after `after`, oldest first, and then each
 * event when it is committed, whichever process commits it.
 * @throws AppError invalid_request where `after` is not in the log or the team not to be seen;
 * insufficient_permissions
 */
export async function followEvents(context: Context, wanted: EventsWanted): Promise<LiveSource<LoggedEvent>> {
  const { caller, resources } = context;
  const { database, live } = resources;
  requireScope(caller, SCOPE);
  const organizationId = caller.organization.id;
  const types = wanted.types && wanted.types.length > 0 ? new Set(wanted.types) : null;
  const team = wanted.teamId === undefined || wanted.teamId === null ? null : await requireTeam(context, wanted.teamId);
  let position: number;
  let hasUnread = false;
  if (wanted.after === undefined || wanted.after === null) {
    position = await findNewestPosition(database.pool, organizationId);
  } else {
    position = await requireEventPosition(context, wanted.after, 'after');
    hasUnread = true;
    await endRaisesOf(context);
  }
  const isWanted = (event: LoggedEvent) =>
    isVisible(caller, event) && (types === null || types.has(event.type)) && (team === null || event.teamId === team);

  return createLogSource<LoggedEvent>({
    hub: live.events,
    organizationId,
    position,
    hasUnread,
    pageSize: PAGE_EVENTS,
    async readPage(after) {
      const events = await readEventsAfter(database.pool, organizationId, after, PAGE_EVENTS);
      return events.map((event) => ({ position: event.position, value: event }));
    },
    isWanted,
    requireStill: (now) => requireScope(now, SCOPE),
  });
}
