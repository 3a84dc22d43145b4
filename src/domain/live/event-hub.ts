import type { Log } from '../../platform/log.ts';
import type { Notices } from '../../platform/notices/notices.ts';
import type { Sql } from '../../platform/postgres/database.ts';
import { describeEvent, type EventRow, type LoggedEvent } from '../event-log/event.ts';
import { createLogHub, type LogHub, type Place } from './log-hub.ts';

/** Events of one organization that one statement reads. */
const PAGE_EVENTS = 500;

type Row = EventRow & { organization_id: string };

const READ = `
  SELECT e.organization_id, e.id, e.position, e.type, e.team_id, e.created_at, e.data
    FROM unnest($1::uuid[], $2::bigint[]) AS f(organization_id, position)
   CROSS JOIN LATERAL (
     SELECT * FROM events e WHERE e.organization_id = f.organization_id AND e.position > f.position
      ORDER BY e.position LIMIT ${PAGE_EVENTS}) e
   ORDER BY e.organization_id, e.position`;

/** The logs of what happened, as they are followed. */
export function createEventHub(sql: Sql, notices: Notices, log: Log): LogHub<LoggedEvent> {
  /** Null for an event that this version does not know: a newer process may have written it. */
  function tell(row: Row): LoggedEvent | null {
    try {
      return describeEvent(row);
    } catch (error) {
      log.error({ err: error, type: row.type }, 'an event could not be told to subscribers');
      return null;
    }
  }

  return createLogHub<LoggedEvent>({
    notices,
    log,
    async read(places: readonly Place[]) {
      const { rows } = await sql.query<Row>({
        name: 'follow-events',
        text: READ,
        values: [places.map((one) => one.organizationId), places.map((one) => one.position)],
      });
      const counts = new Map<string, number>();
      for (const { organization_id: id } of rows) counts.set(id, (counts.get(id) ?? 0) + 1);
      return {
        rows: rows.map((row) => {
          const value = tell(row);
          const { position, organization_id: organizationId } = row;
          return { organizationId, position, told: value && { position, value } };
        }),
        unfinished: [...counts].filter(([, count]) => count === PAGE_EVENTS).map(([id]) => id),
      };
    },
  });
}
