import { EVENT_TYPES, type EventType, type LoggedEvent } from '../domain/event-log/event.ts';
import { EVENT_CURSOR, getEvent, listEvents } from '../domain/event-log/list-events.ts';
import { builder } from './builder/builder.ts';
import { toConnection } from './builder/connection.ts';

/** `usage.exceeded` -> `USAGE_EXCEEDED`. */
export const EventTypeEnum = builder.enumType('EventType', {
  values: Object.fromEntries(
    EVENT_TYPES.map((type) => [type.toUpperCase().replace('.', '_'), { value: type, description: `\`${type}\`` }]),
  ) as Record<string, { value: EventType }>,
});

const EventRef = builder.objectRef<LoggedEvent>('Event');

builder.node(EventRef, {
  description: 'Something that happened, as the event log keeps it.',
  id: { resolve: ({ id }) => id },
  loadOne: (uuid, context) => getEvent(context, uuid),
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'position' in value && 'type' in value,
  fields: (t) => ({
    event: t.expose('type', { type: EventTypeEnum }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    data: t.expose('data', { type: 'JSON' }),
  }),
});

const EventConnection = builder.connectionObject({ type: EventRef, name: 'EventConnection' });

builder.queryField('events', (t) =>
  t.field({
    type: EventConnection,
    description: 'The log of what happened, newest first. Scope events:read.',
    args: {
      first: t.arg.int({ description: '1 to 100; default 20.' }),
      after: t.arg.string(),
      types: t.arg({ type: [EventTypeEnum] }),
    },
    resolve: async (_, args, context) =>
      toConnection(EVENT_CURSOR, await listEvents(context, args), ({ position }) => String(position), args.after),
  }),
);
