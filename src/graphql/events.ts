import { EVENT_TYPES, type EventType, type LoggedEvent } from '../domain/event-log/event.ts';
import { EVENT_CURSOR, getEvent, listEvents } from '../domain/event-log/list-events.ts';
import { builder } from './builder/builder.ts';
import { CURSOR_DESCRIPTION, PAGE_SIZE_DESCRIPTION, toConnection } from './builder/connection.ts';

const TYPE_DESCRIPTIONS: Readonly<Record<EventType, string>> = {
  'usage.exceeded': 'the usage of a budget reached its limit',
  'budget.threshold_reached': 'the usage of a budget reached one of its thresholds',
  'budget.recovered': 'the usage of a budget is below its limit again',
  'credits.low': 'at most a tenth of the unexpired grants is left',
  'credits.exhausted': 'no prepaid credits are left',
};

/** `usage.exceeded` -> `USAGE_EXCEEDED`. */
export const EventTypeEnum = builder.enumType('EventType', {
  values: Object.fromEntries(
    EVENT_TYPES.map((type) => [
      type.toUpperCase().replace('.', '_'),
      { value: type, description: `\`${type}\`: ${TYPE_DESCRIPTIONS[type]}.` },
    ]),
  ) as Record<string, { value: EventType }>,
});

const EventRef = builder.objectRef<LoggedEvent>('Event');

builder.node(EventRef, {
  description: 'An entry of the event log: something that happened to budgets or credits.',
  id: { resolve: ({ id }) => id },
  loadOne: (uuid, context) => getEvent(context, uuid),
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'position' in value && 'type' in value,
  fields: (t) => ({
    event: t.expose('type', { type: EventTypeEnum }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    data: t.expose('data', { type: 'JSON', description: 'What happened; its fields depend on the type of the event.' }),
  }),
});

const EventConnection = builder.connectionObject({ type: EventRef, name: 'EventConnection' });

builder.queryField('events', (t) =>
  t.field({
    type: EventConnection,
    description: 'The event log, newest first. Requires the scope `events:read`.',
    args: {
      first: t.arg.int({ description: PAGE_SIZE_DESCRIPTION }),
      after: t.arg.string({ description: CURSOR_DESCRIPTION }),
      types: t.arg({ type: [EventTypeEnum], description: 'Only events of a type given here; default: all types.' }),
    },
    resolve: async (_, args, context) =>
      toConnection(EVENT_CURSOR, await listEvents(context, args), ({ id }) => id, args.after),
  }),
);
