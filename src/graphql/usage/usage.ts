import { explainCost } from '../../domain/usage/explain-cost.ts';
import { getUsageEvent } from '../../domain/usage/find-usage-event.ts';
import { HISTORY_CURSOR, listUsageEvents } from '../../domain/usage/list-usage-events.ts';
import { recordUsage } from '../../domain/usage/record-usage.ts';
import {
  BATCH_STATUSES,
  type BatchItem,
  type BatchResult,
  recordUsageBatch,
} from '../../domain/usage/record-usage-batch.ts';
import { voidUsage } from '../../domain/usage/void-usage.ts';
import type { AppError } from '../../platform/errors.ts';
import { formatId } from '../../platform/ids.ts';
import { builder } from '../builder/builder.ts';
import { toConnection } from '../builder/connection.ts';
import { translateError } from '../builder/errors.ts';
import { RecordUsageBatchInput, UsageEventInput, UsageFilterInput } from './usage-inputs.ts';
import { toUsageEventSource, UsageEventRef, type UsageEventSource } from './usage-types.ts';

const BatchStatusRef = builder.enumType('UsageBatchStatus', {
  values: Object.fromEntries(BATCH_STATUSES.map((status) => [status.toUpperCase(), { value: status }])),
});

type BatchError = Pick<AppError, 'message' | 'details'> & { code: string };

const BatchErrorRef = builder.objectRef<BatchError>('UsageBatchError').implement({
  description: 'Why one event of a batch was not stored.',
  fields: (t) => ({
    code: t.exposeString('code'),
    message: t.exposeString('message'),
    details: t.field({ type: 'JSON', nullable: true, resolve: (error) => error.details }),
  }),
});

const BatchItemRef = builder.objectRef<BatchItem>('UsageBatchItem').implement({
  fields: (t) => ({
    index: t.expose('index', { type: 'SafeInt', description: "The event's place in the batch, counted from 0." }),
    status: t.field({ type: BatchStatusRef, resolve: (item) => item.status }),
    id: t.id({ nullable: true, resolve: ({ id }) => id && formatId('usageEvent', id) }),
    cost: t.expose('cost', { type: 'Decimal', nullable: true }),
    error: t.field({
      type: BatchErrorRef,
      nullable: true,
      // A plain object: an Error that a resolver returns counts as thrown, and would fail the whole
      // batch.
      resolve({ error }, _, { resources, requestId }) {
        if (error === null) return null;
        const { message, extensions } = translateError(error, resources.log, requestId);
        return { message, code: String(extensions.code), details: error.details };
      },
    }),
  }),
});

const BatchResultRef = builder.objectRef<BatchResult>('UsageBatchResult').implement({
  description: 'One item for each event, in order. Valid events are stored, the others are named.',
  fields: (t) => ({
    data: t.field({ type: [BatchItemRef], resolve: (result) => result.items }),
    created: t.expose('created', { type: 'SafeInt' }),
    duplicates: t.expose('duplicates', { type: 'SafeInt' }),
    conflicts: t.expose('conflicts', { type: 'SafeInt' }),
    invalid: t.expose('invalid', { type: 'SafeInt' }),
  }),
});

builder.mutationFields((t) => ({
  recordUsage: t.field({
    type: UsageEventRef,
    description: 'Records one event. The answer comes after the event is on disk. Scope usage:write.',
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
    description: 'Records up to 1,000 events. Scope usage:write.',
    args: { input: t.arg({ type: RecordUsageBatchInput, required: true }) },
    resolve: (_, { input }, context) => recordUsageBatch(context, input.events),
  }),
}));

const VoidUsageInput = builder.inputType('VoidUsageInput', {
  fields: (t) => ({
    id: t.id({ required: true }),
    reason: t.string({ required: true, description: 'Why; at most 500 characters.' }),
  }),
});

builder.mutationField('voidUsage', (t) =>
  t.field({
    type: UsageEventRef,
    description: 'Takes an event back: records its reverse once, and returns it. Scope usage:write.',
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
    args: { id: t.arg.id({ required: true }) },
    resolve: async (_, { id }, context) => toUsageEventSource(await getUsageEvent(context, id)),
  }),
  usageEvents: t.field({
    type: UsageEventConnection,
    description: 'The events themselves, newest first. Scope usage:read.',
    args: {
      first: t.arg.int({ description: '1 to 1,000; default 20.' }),
      after: t.arg.string(),
      start: t.arg({ type: 'DateTime' }),
      end: t.arg({ type: 'DateTime' }),
      recordedAfter: t.arg({ type: 'DateTime' }),
      filter: t.arg({ type: UsageFilterInput }),
    },
    resolve: async (_, args, context) => {
      const { items, hasMore } = await listUsageEvents(context, args);
      const page = { items: items.map((event) => toUsageEventSource(event)), hasMore };
      return toConnection(HISTORY_CURSOR, page, ({ event }) => event.id, args.after);
    },
  }),
}));
