import { explainCost } from '../../domain/usage/explain-cost.ts';
import { getUsageEvent } from '../../domain/usage/find-usage-event.ts';
import { HISTORY_CURSOR, listUsageEvents } from '../../domain/usage/list-usage-events.ts';
import { recordUsage } from '../../domain/usage/record-usage.ts';
import {
  BATCH_STATUSES,
  type BatchItem,
  type BatchResult,
  type BatchStatus,
  recordUsageBatch,
} from '../../domain/usage/record-usage-batch.ts';
import { voidUsage } from '../../domain/usage/void-usage.ts';
import type { AppError } from '../../platform/errors.ts';
import { formatId } from '../../platform/ids.ts';
import { builder } from '../builder/builder.ts';
import { CURSOR_DESCRIPTION, toConnection } from '../builder/connection.ts';
import { translateError } from '../builder/errors.ts';
import { RecordUsageBatchInput, UsageEventInput, UsageFilterInput } from './usage-inputs.ts';
import { toUsageEventSource, UsageEventRef, type UsageEventSource } from './usage-types.ts';

const STATUS_DESCRIPTIONS: Readonly<Record<BatchStatus, string>> = {
  created: 'The event was recorded.',
  duplicate: 'An event with this id and body, or with this response id, was recorded before.',
  conflict: 'An event with this id and another body was recorded before; this one was not.',
  invalid: 'The event was refused.',
};

const BatchStatusRef = builder.enumType('UsageBatchStatus', {
  description: 'What happened to one event of a batch.',
  values: Object.fromEntries(
    BATCH_STATUSES.map((status) => [status.toUpperCase(), { value: status, description: STATUS_DESCRIPTIONS[status] }]),
  ),
});

type BatchError = Pick<AppError, 'message' | 'details'> & { code: string };

const BatchErrorRef = builder.objectRef<BatchError>('UsageBatchError').implement({
  description: 'Why one event of a batch was not recorded.',
  fields: (t) => ({
    code: t.exposeString('code', { description: 'The error code, such as `invalid_request`.' }),
    message: t.exposeString('message'),
    details: t.field({
      type: 'JSON',
      nullable: true,
      description: 'An object that depends on the code; `fields` names each refused field.',
      resolve: (error) => error.details,
    }),
  }),
});

const BatchItemRef = builder.objectRef<BatchItem>('UsageBatchItem').implement({
  description: 'The outcome for one event of a batch.',
  fields: (t) => ({
    index: t.expose('index', { type: 'SafeInt', description: "The event's place in the batch, starting at 0." }),
    status: t.field({ type: BatchStatusRef, resolve: (item) => item.status }),
    id: t.id({
      nullable: true,
      description: 'Id of the event in the ledger; null where it was not recorded.',
      resolve: ({ id }) => id && formatId('usageEvent', id),
    }),
    cost: t.expose('cost', {
      type: 'Decimal',
      nullable: true,
      description: 'The cost in USD; null where it is unknown or the event was not recorded.',
    }),
    error: t.field({
      type: BatchErrorRef,
      nullable: true,
      description: 'Why the event was not recorded; null where it was.',
      // GraphQL treats an Error that a resolver returns as thrown, which would fail the whole batch.
      resolve({ error }, _, { resources, requestId }) {
        if (error === null) return null;
        const { message, extensions } = translateError(error, resources.log, requestId);
        return { message, code: String(extensions.code), details: error.details };
      },
    }),
  }),
});

const BatchResultRef = builder.objectRef<BatchResult>('UsageBatchResult').implement({
  description:
    'One item for each event of the batch, in its order. Valid events are recorded even where others are refused.',
  fields: (t) => ({
    data: t.field({ type: [BatchItemRef], resolve: (result) => result.items }),
    created: t.expose('created', { type: 'SafeInt', description: 'Number of events that were recorded.' }),
    duplicates: t.expose('duplicates', { type: 'SafeInt', description: 'Number of events that were recorded before.' }),
    conflicts: t.expose('conflicts', {
      type: 'SafeInt',
      description: 'Number of events whose id was recorded before with another body.',
    }),
    invalid: t.expose('invalid', { type: 'SafeInt', description: 'Number of events that were refused.' }),
  }),
});

builder.mutationFields((t) => ({
  recordUsage: t.field({
    type: UsageEventRef,
    description: 'Records one event. The answer is sent after the commit. Requires the scope `usage:write`.',
    args: { input: t.arg({ type: UsageEventInput, required: true }) },
    resolve: async (_, { input }, context) => {
      let ready: UsageEventSource | undefined;
      const { event, duplicate } = await recordUsage(context, input, (stored) => {
        ready = toUsageEventSource(stored);
        const lines = explainCost(context, stored);
        if (Array.isArray(lines)) ready.costBreakdown = lines;
        // A price that must be read from the database is not awaited here. A failure is ignored:
        // the field's resolver asks again.
        else lines.catch(() => {});
      });
      return ready && !duplicate ? ready : toUsageEventSource(event, duplicate);
    },
  }),
  recordUsageBatch: t.field({
    type: BatchResultRef,
    description: 'Records 1 to 1,000 events. Requires the scope `usage:write`.',
    args: { input: t.arg({ type: RecordUsageBatchInput, required: true }) },
    resolve: (_, { input }, context) => recordUsageBatch(context, input.events),
  }),
}));

const EVENT_ID = 'Id of the usage event in the ledger.';

const VoidUsageInput = builder.inputType('VoidUsageInput', {
  fields: (t) => ({
    id: t.id({ required: true, description: EVENT_ID }),
    reason: t.string({ required: true, description: 'Why the event is voided: 1 to 500 characters.' }),
  }),
});

builder.mutationField('voidUsage', (t) =>
  t.field({
    type: UsageEventRef,
    description:
      'Voids an event: records an event that reverses it, once, and returns that. Requires the scope `usage:write`.',
    args: { input: t.arg({ type: VoidUsageInput, required: true }) },
    resolve: async (_, { input }, context) => {
      const { event, duplicate } = await voidUsage(context, input);
      return toUsageEventSource(event, duplicate);
    },
  }),
);

const UsageEventConnection = builder.connectionObject({ type: UsageEventRef, name: 'UsageEventConnection' });

builder.queryFields((t) => ({
  usageEvent: t.field({
    type: UsageEventRef,
    description: 'One usage event. Requires the scope `usage:read`.',
    args: { id: t.arg.id({ required: true, description: EVENT_ID }) },
    resolve: async (_, { id }, context) => toUsageEventSource(await getUsageEvent(context, id)),
  }),
  usageEvents: t.field({
    type: UsageEventConnection,
    description: 'The usage events, newest first. Requires the scope `usage:read`.',
    args: {
      first: t.arg.int({ description: 'Maximum number of events on the page: 1 to 1,000, default 20.' }),
      after: t.arg.string({ description: CURSOR_DESCRIPTION }),
      start: t.arg({ type: 'DateTime', description: 'Only events with this timestamp or a later one.' }),
      end: t.arg({ type: 'DateTime', description: 'Only events with a timestamp before this time.' }),
      recordedAfter: t.arg({ type: 'DateTime', description: 'Only events that were recorded after this time.' }),
      eventId: t.arg.string({ description: "Only the event with this id: the caller's own, given with the event." }),
      filter: t.arg({ type: UsageFilterInput }),
    },
    resolve: async (_, args, context) => {
      const { items, hasMore } = await listUsageEvents(context, args);
      const page = { items: items.map((event) => toUsageEventSource(event)), hasMore };
      return toConnection(HISTORY_CURSOR, page, ({ event }) => event.id, args.after);
    },
  }),
}));
