import { elapsedBefore, spanAt, spanBefore, type TimeSpan } from '../../platform/calendar.ts';
import { invalidField } from '../../platform/errors.ts';
import type { Context } from '../context.ts';
import { whereUsage } from '../usage/event/usage-filter.ts';
import { cutToKept, findKeptFrom } from '../usage/sums/kept-events.ts';
import type { SumQuestion } from '../usage/sums/sum-usage.ts';
import { needsEvents } from '../usage/sums/usage-dimension.ts';

export const COST_PERIODS = ['day', 'week', 'month', 'quarter', 'year'] as const;
export type CostPeriod = (typeof COST_PERIODS)[number];

/** A calendar period as it stands at a moment. */
export interface CostPeriodSpans {
  zone: string;
  nowMs: number;
  /** The whole period that contains now. */
  current: TimeSpan;
  /** The same elapsed part of the period before: as many days, to the same local clock time. */
  previous: TimeSpan;
}

/** The period that contains a moment, and the part of the one before that compares with it. */
export function periodSpansAt(nowMs: number, period: CostPeriod, zone: string): CostPeriodSpans {
  const current = spanAt(nowMs, period, zone);
  const before = spanBefore(current.startMs, period, zone);
  const endMs = elapsedBefore(current.startMs, nowMs, before, zone);
  return { zone, nowMs, current, previous: { startMs: before.startMs, endMs } };
}

const BEFORE_RETENTION =
  'begins where retention has removed single events: for one user or tag, or by them, ask for a shorter period or for timezone UTC';

/**
 * The spans as far as sums of them are kept: `previous` is cut to whole quarter hours (by user or tag to
 * whole UTC days) where retention has removed single events.
 * @throws AppError invalid_request where the current period needs removed events
 */
export async function cutPeriodToKept(
  { caller, resources }: Context,
  spans: CostPeriodSpans,
  { dimensions, filter }: Pick<SumQuestion, 'dimensions' | 'filter'>,
): Promise<CostPeriodSpans> {
  const keptFromMs = await findKeptFrom(resources.database.pool, caller.organization.id);
  if (keptFromMs <= spans.previous.startMs) return spans;
  const byAttribution = whereUsage(caller, filter).needsEvents || dimensions.some(needsEvents);
  const { startMs } = cutToKept(spans.current, keptFromMs, byAttribution);
  if (startMs > spans.current.startMs) throw invalidField('period', BEFORE_RETENTION);
  return { ...spans, previous: cutToKept(spans.previous, keptFromMs, byAttribution) };
}
