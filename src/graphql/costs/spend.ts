import { followSpend } from '../../domain/live/follow-spend.ts';
import type { SpendTick } from '../../domain/live/spend-tick.ts';
import { formatMoney } from '../../platform/money.ts';
import { builder } from '../builder/builder.ts';
import { UsageFilterInput } from '../usage/usage-inputs.ts';
import { REQUESTS_DESCRIPTION, UNPRICED_REQUESTS_DESCRIPTION } from '../usage/usage-summary.ts';
import { PeriodEnum } from './costs.ts';

const SpendTotalsRef = builder.objectRef<SpendTick['totals']>('SpendTotals').implement({
  description: 'What was used in a period, and what it cost.',
  fields: (t) => ({
    requests: t.expose('requests', { type: 'SafeInt', description: REQUESTS_DESCRIPTION }),
    inputTokens: t.expose('inputTokens', { type: 'SafeInt' }),
    outputTokens: t.expose('outputTokens', { type: 'SafeInt' }),
    cost: t.field({
      type: 'Decimal',
      description: 'The known costs in USD.',
      resolve: ({ cost }) => formatMoney(cost),
    }),
    unpricedRequests: t.expose('unpricedRequests', { type: 'SafeInt', description: UNPRICED_REQUESTS_DESCRIPTION }),
  }),
});

const SpendTickRef = builder.objectRef<SpendTick>('SpendTick').implement({
  description: 'What the current period has cost so far.',
  fields: (t) => ({
    at: t.field({ type: 'DateTime', description: 'When it was summed.', resolve: ({ atMs }) => new Date(atMs) }),
    start: t.field({
      type: 'DateTime',
      description: 'Start of the period, inclusive.',
      resolve: ({ startMs }) => new Date(startMs),
    }),
    end: t.field({
      type: 'DateTime',
      description: 'End of the period, exclusive.',
      resolve: ({ endMs }) => new Date(endMs),
    }),
    totals: t.field({ type: SpendTotalsRef, resolve: ({ totals }) => totals }),
  }),
});

builder.subscriptionField('spend', (t) =>
  t.field({
    type: SpendTickRef,
    description:
      'What the current calendar period has cost: first at once, then at most once in `every` seconds, and only when ' +
      'it has changed. Requires the scope `costs:read`.',
    args: {
      filter: t.arg({ type: UsageFilterInput, description: 'Only events that match.' }),
      every: t.arg({ type: 'SafeInt', defaultValue: 1, description: 'Seconds, 1 to 3,600.' }),
      period: t.arg({ type: PeriodEnum, defaultValue: 'day' }),
      timezone: t.arg.string({ defaultValue: 'UTC', description: 'IANA time zone of the period.' }),
    },
    subscribe: (_, wanted, context) => followSpend(context, wanted),
    resolve: (tick) => tick,
  }),
);
