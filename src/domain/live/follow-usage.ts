import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import { usageMatcher } from '../usage/event/match-usage.ts';
import { requireVisibleFilter } from '../usage/event/require-visible-filter.ts';
import type { UsageEvent } from '../usage/event/usage-event.ts';
import type { UsageFilter } from '../usage/event/usage-filter.ts';
import { readUsageAfter, readUsagePosition } from '../usage/follow-ledger.ts';
import type { LiveSource } from './live-source.ts';
import { createLogSource } from './log-source.ts';
import { USAGE_PAGE_EVENTS } from './usage-hub.ts';

const SCOPE = 'usage:read';

/**
 * Follows what is recorded from now on, in commit order, whichever process records it: an event
 * that is voided is told by the event that reverses it, and a repeat is not recorded.
 * @throws AppError invalid_request for an invalid filter, insufficient_permissions
 */
export async function followUsage(context: Context, filter: UsageFilter): Promise<LiveSource<UsageEvent>> {
  const { caller, resources } = context;
  const { database, live } = resources;
  requireScope(caller, SCOPE);
  const isWanted = usageMatcher(caller, filter);
  await requireVisibleFilter(context, filter);
  const organizationId = caller.organization.id;
  return createLogSource<UsageEvent>({
    hub: live.usage,
    organizationId,
    position: await readUsagePosition(database, organizationId),
    hasUnread: false,
    pageSize: USAGE_PAGE_EVENTS,
    async readPage(position) {
      const placed = await readUsageAfter(database.pool, [{ organizationId, position }], USAGE_PAGE_EVENTS);
      return placed.map(({ position: at, event }) => ({ position: at, value: event }));
    },
    isWanted,
    requireStill: (now) => requireScope(now, SCOPE),
  });
}
