import type { Log } from '../../platform/log.ts';
import type { Notices } from '../../platform/notices/notices.ts';
import type { Sql } from '../../platform/postgres/database.ts';
import type { UsageEvent } from '../usage/event/usage-event.ts';
import { countUsageAfter, readUsageAfter } from '../usage/follow-ledger.ts';
import { createLogHub, type LogHub } from './log-hub.ts';

/** Events of one organization that one statement reads. */
export const USAGE_PAGE_EVENTS = 1_000;
/** A subscriber that has more events than this before it is cut off. */
export const MAX_BEHIND_EVENTS = 10_000;

/** The ledgers of organizations, as they are followed. */
export function createUsageHub(sql: Sql, notices: Notices, log: Log): LogHub<UsageEvent> {
  return createLogHub<UsageEvent>({
    notices,
    log,
    async read(places) {
      const placed = await readUsageAfter(sql, places, USAGE_PAGE_EVENTS);
      const counts = new Map<string, number>();
      const rows = placed.map(({ position, event }) => {
        const { organizationId } = event;
        counts.set(organizationId, (counts.get(organizationId) ?? 0) + 1);
        return { organizationId, position, told: { position, value: event } };
      });
      const unfinished = [...counts].filter(([, count]) => count === USAGE_PAGE_EVENTS).map(([id]) => id);
      return { rows, unfinished };
    },
    async isBehind({ organizationId, position }) {
      const most = MAX_BEHIND_EVENTS + 1;
      return (await countUsageAfter(sql, organizationId, position, most)) === most;
    },
  });
}
