import type { LoggedEvent } from '../../domain/event-log/event.ts';
import { EVENT_CURSOR, getEvent, listEvents } from '../../domain/event-log/list-events.ts';
import { builder } from '../builder/builder.ts';
import { CURSOR_DESCRIPTION, PAGE_SIZE_DESCRIPTION, toConnection } from '../builder/connection.ts';
import { EventPayloadRef, EventTypeEnum } from './event-types.ts';

export const EventRef = builder.objectRef<LoggedEvent>('Event');

builder.node(EventRef, {
  description: 'An entry of the event log: something that happened in the organization.',
  id: { resolve: ({ id }) => id },
  loadOne: (uuid, context) => getEvent(context, uuid),
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'position' in value && 'type' in value,
  fields: (t) => ({
    event: t.expose('type', { type: EventTypeEnum }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    data: t.expose('data', { type: 'JSON', description: 'What happened; its fields depend on the type of the event.' }),
    payload: t.field({
      type: EventPayloadRef,
      description: 'The same as `data`, with typed fields.',
      resolve: ({ type, data }) => ({ type, data }),
    }),
  }),
});

const EventConnection = builder.connectionObject({ type: EventRef, name: 'EventConnection' });

builder.queryField('events', (t) =>
  t.field({
    type: EventConnection,
    description:
      'The event log, newest first; with `since`, what came after that event, oldest first. Requires the scope ' +
      '`events:read`.',
    args: {
      first: t.arg.int({ description: PAGE_SIZE_DESCRIPTION }),
      after: t.arg.string({ description: CURSOR_DESCRIPTION }),
      types: t.arg({ type: [EventTypeEnum], description: 'Only events of a type given here; default: all types.' }),
      teamId: t.arg.id({ description: 'Only events of this team.' }),
      since: t.arg.id({ description: 'Only what came after this event, oldest first.' }),
    },
    resolve: async (_, args, context) =>
      toConnection(EVENT_CURSOR, await listEvents(context, args), ({ id }) => id, args.after),
  }),
);
