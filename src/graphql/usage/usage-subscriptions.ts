import { followUsage } from '../../domain/live/follow-usage.ts';
import { builder } from '../builder/builder.ts';
import { UsageFilterInput } from './usage-inputs.ts';
import { toUsageEventSource, UsageEventRef } from './usage-types.ts';

builder.subscriptionField('usageRecorded', (t) =>
  t.field({
    type: UsageEventRef,
    description:
      'Each usage event when it is recorded, from the subscription on and in the order of the commits; an event that ' +
      'is voided is told by the event that reverses it. A subscriber that is 10,000 events behind is closed with ' +
      '1013. Requires the scope `usage:read`.',
    args: { filter: t.arg({ type: UsageFilterInput, description: 'Only events that match.' }) },
    subscribe: (_, { filter }, context) => followUsage(context, filter ?? {}),
    resolve: (event) => toUsageEventSource(event),
  }),
);
