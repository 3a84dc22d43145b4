import { spanAt } from '../../platform/calendar.ts';
import { invalidField } from '../../platform/errors.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import { readZone } from '../input/read-span.ts';
import type { UsageFilter } from '../usage/event/usage-filter.ts';
import { totalOf } from '../usage/summarize-usage.ts';
import { sumUsage } from '../usage/sums/sum-usage.ts';
import { type LiveSource, neverIterated, type Told } from './live-source.ts';
import type { SpendTick } from './spend-tick.ts';
import type { SpendQuestion } from './spend-tickers.ts';

const SCOPE = 'costs:read';
export const SPEND_EVERY_SECONDS = { default: 1, max: 3_600 } as const;
export const SPEND_PERIODS = ['day', 'week', 'month', 'quarter', 'year'] as const;

export interface SpendWanted {
  filter?: UsageFilter | null | undefined;
  every?: number | null | undefined;
  period?: (typeof SPEND_PERIODS)[number] | null | undefined;
  timezone?: string | null | undefined;
}

/**
 * Follows what the current calendar period has cost: first at once, then at most once in `every`
 * seconds, and only when it has changed. A new period begins with its own sums.
 * @throws AppError invalid_request, insufficient_permissions
 */
export async function followSpend(context: Context, wanted: SpendWanted): Promise<LiveSource<SpendTick>> {
  const { caller, resources } = context;
  const { spend } = resources.live;
  requireScope(caller, SCOPE);
  const zone = readZone(wanted.timezone);
  const period = wanted.period ?? 'day';
  const filter = wanted.filter ?? {};
  const every = wanted.every ?? SPEND_EVERY_SECONDS.default;
  if (!Number.isInteger(every) || every < 1 || every > SPEND_EVERY_SECONDS.max) {
    throw invalidField('every', `must be a whole number of seconds from 1 to ${SPEND_EVERY_SECONDS.max}`);
  }
  const organizationId = caller.organization.id;
  const everyMs = every * 1000;
  const question: SpendQuestion = {
    key: JSON.stringify([organizationId, caller.teamId, filter, every, period, zone]),
    organizationId,
    everyMs,
    async sum() {
      const atMs = resources.clock();
      const span = spanAt(atMs, period, zone);
      const groups = await sumUsage(context, { spans: [span], dimensions: [], filter, limit: 1 });
      return { atMs, ...span, totals: totalOf(groups) };
    },
  };
  let unread: Told<SpendTick>[] = [await spend.sum(question)];
  const [first] = unread as [Told<SpendTick>];
  return {
    everyMs,
    requireStill: (now) => requireScope(now, SCOPE),
    position: () => first.position,
    isCaughtUp: () => unread.length === 0,
    async catchUp() {
      const all = unread;
      unread = [];
      return all;
    },
    attach: (take) => spend.attach(question, first, take),
    [Symbol.asyncIterator]: neverIterated,
  };
}
