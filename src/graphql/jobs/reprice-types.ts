import type { CostChange } from '../../domain/jobs/cost-changes.ts';
import { readGroupLimit } from '../../domain/jobs/find-jobs.ts';
import { type AttoUsd, formatMoney } from '../../platform/money.ts';
import { builder } from '../builder/builder.ts';

/** What was priced again, or would be. */
export interface RepriceSums {
  events: number;
  changed: number;
  costBefore: AttoUsd;
  costAfter: AttoUsd;
  /** The first rows in their order, at most `limit`. */
  listGroups(limit: number): CostChange[] | Promise<CostChange[]>;
}

type Costs = Record<'costBefore' | 'costAfter', AttoUsd>;
const differenceOf = ({ costBefore, costAfter }: Costs) => formatMoney(costAfter - costBefore);
const DIFFERENCE = '`costAfter` - `costBefore`, in USD.';

const RepriceGroupRef = builder.objectRef<CostChange>('RepriceGroup').implement({
  description: 'Events of one provider, model and UTC day, by their own times.',
  fields: (t) => ({
    provider: t.exposeString('provider'),
    model: t.exposeString('model'),
    day: t.exposeString('day', { description: 'The UTC day, such as `2026-11-22`.' }),
    events: t.expose('events', { type: 'SafeInt', description: 'Number of events, changed or not.' }),
    costBefore: t.field({
      type: 'Decimal',
      description: 'What they cost before, in USD.',
      resolve: ({ costBefore }) => formatMoney(costBefore),
    }),
    costAfter: t.field({
      type: 'Decimal',
      description: 'What they cost after, in USD.',
      resolve: ({ costAfter }) => formatMoney(costAfter),
    }),
    difference: t.field({ type: 'Decimal', description: DIFFERENCE, resolve: differenceOf }),
  }),
});

export const RepriceResultRef = builder.objectRef<RepriceSums>('RepriceResult').implement({
  description: 'What events cost before and after their prices were looked up again.',
  fields: (t) => ({
    events: t.expose('events', {
      type: 'SafeInt',
      description: 'Number of events that were looked at: all of the range, without those that were voided.',
    }),
    changed: t.expose('changed', {
      type: 'SafeInt',
      description: 'Number of those that cost something else, or had no known cost before.',
    }),
    costBefore: t.field({
      type: 'Decimal',
      description: 'What all of them cost before, in USD; a cost that was not known counts as 0.',
      resolve: ({ costBefore }) => formatMoney(costBefore),
    }),
    costAfter: t.field({
      type: 'Decimal',
      description: 'What all of them cost after, in USD.',
      resolve: ({ costAfter }) => formatMoney(costAfter),
    }),
    difference: t.field({ type: 'Decimal', description: DIFFERENCE, resolve: differenceOf }),
    data: t.field({
      type: [RepriceGroupRef],
      description: 'The same by day, provider and model, in this order.',
      args: {
        limit: t.arg({ type: 'SafeInt', defaultValue: 100, description: 'Maximum number of rows: 0 to 10,000.' }),
      },
      resolve: (sums, { limit }) => sums.listGroups(readGroupLimit(limit ?? 100)),
    }),
  }),
});
