import { describeData, type EventType } from './event-types.ts';

/** Something that happened, as callers see it: data in camelCase, ids as TypeIDs. */
export interface LoggedEvent {
  /** UUID. */
  id: string;
  position: number;
  type: EventType;
  /** UUID of the team that it belongs to; null: the organization's. */
  teamId: string | null;
  createdAt: Date;
  data: Record<string, unknown>;
}

export interface EventRow {
  id: string;
  position: number;
  type: EventType;
  team_id: string | null;
  created_at: Date;
  data: unknown;
}

/**
 * The SQLSTATE of a notice of PostgreSQL: the transaction has raised events of the organization that the
 * notice's detail names.
 */
export const EVENTS_RAISED = 'MT100';

/** The columns of an {@link EventRow}. */
export const EVENT_COLUMNS = 'id, position, type, team_id, created_at, data';

/**
 * A row of the log as callers see it. @throws Error where its data is not what is stored for its
 * type
 */
export function describeEvent({ id, position, type, team_id, created_at, data }: EventRow): LoggedEvent {
  return { id, position, type, teamId: team_id, createdAt: created_at, data: describeData(type, data) };
}
