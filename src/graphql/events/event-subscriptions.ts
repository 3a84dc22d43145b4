import type { LoggedEvent } from '../../domain/event-log/event.ts';
import { followEvents } from '../../domain/live/follow-events.ts';
import { formatId } from '../../platform/ids.ts';
import { builder } from '../builder/builder.ts';
import { EventTypeEnum, PAYLOAD_REFS } from './event-types.ts';
import { EventRef } from './events.ts';

const UsageExceededRef = PAYLOAD_REFS.get('usage.exceeded');
if (!UsageExceededRef) throw new Error('usage.exceeded is a type of event');

const UsageExceededEventRef = builder.objectRef<LoggedEvent>('UsageExceededEvent').implement({
  description: 'The usage of a budget reached its limit.',
  fields: (t) => ({
    id: t.id({ resolve: ({ id }) => formatId('event', id) }),
    event: t.expose('type', { type: EventTypeEnum }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    data: t.field({ type: UsageExceededRef, resolve: ({ type, data }) => ({ type, data }) }),
  }),
});

builder.subscriptionFields((t) => ({
  usageExceeded: t.field({
    type: UsageExceededEventRef,
    description:
      'Each time that the usage of a budget reaches its limit, from the subscription on. Requires the scope ' +
      '`events:read`.',
    args: { teamId: t.arg.id({ description: 'Only what belongs to this team.' }) },
    subscribe: (_, { teamId }, context) => followEvents(context, { types: ['usage.exceeded'], teamId }),
    resolve: (event) => event,
  }),
  events: t.field({
    type: EventRef,
    description:
      'Each event of the log when it happens, in order. With `after`, first what came after that event, none of it ' +
      'twice: give the id of the last event that was received. Requires the scope `events:read`.',
    args: {
      types: t.arg({ type: [EventTypeEnum], description: 'Only events of a type given here; default: all types.' }),
      after: t.arg.id({ description: 'The last event that was received. Default: only what happens from now on.' }),
    },
    subscribe: (_, { types, after }, context) => followEvents(context, { types, after }),
    resolve: (event) => event,
  }),
}));
