import type { AppError } from '../../platform/errors.ts';
import { parseId } from '../../platform/ids.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import { USAGE_LIMITS } from '../input/limits.ts';
import { recordUsageBatch } from '../usage/record-usage-batch.ts';
import { collectSpanUsage } from './collect-usage.ts';
import { findRecordedAnswers } from './find-recorded-answers.ts';
import type { SpanUsage } from './span/genai-span.ts';
import type { OtlpSpan } from './wire/otlp-span.ts';

/** A span that was not recorded, and why: a text, or what the ledger refused it with. */
export interface RefusedSpan {
  /** 16 hex digits; empty when the id itself is invalid. */
  spanId: string;
  reason: string | AppError;
}

/** What became of the spans of one export request. */
export interface RecordedSpans {
  refused: RefusedSpan[];
  /** The teams that spans name and the key may not see: their calls are recorded without them. */
  unseenTeams: string[];
  /** Ids of the spans of calls that told no counts: they are recorded with 0 tokens and no cost. */
  withoutUsage: string[];
}

/** The teams that the spans wish to be charged to and that the caller may not charge. */
async function findUnseenTeams({ caller, resources }: Context, usages: readonly SpanUsage[]): Promise<string[]> {
  const wished = new Map<string, string | null>();
  for (const { event } of usages) if (event.teamId) wished.set(event.teamId, parseId('team', event.teamId));
  if (wished.size === 0) return [];
  const isSeen = (ids: ReadonlySet<string>) => (id: string | null) => id !== null && ids.has(id);
  const ids = [...wished.values()].filter((id) => id !== null);
  const seen = isSeen(
    caller.teamId === null ? await resources.teams.findExisting(caller.organization.id, ids) : new Set([caller.teamId]),
  );
  return [...wished].filter(([, id]) => !seen(id)).map(([name]) => name);
}

/**
 * Leaves out the calls without counts whose answer is recorded. The others do not take the id of their
 * answer: another span may still tell what it cost.
 */
async function leaveOutKnown(context: Context, usages: readonly SpanUsage[]): Promise<SpanUsage[]> {
  const idOf = ({ event }: SpanUsage) => (event.telemetry.isWithoutUsage ? (event.responseId ?? null) : null);
  const known = await findRecordedAnswers(
    context,
    usages.flatMap((usage) => idOf(usage) ?? []),
  );
  return usages.flatMap((usage) => {
    const id = idOf(usage);
    if (id === null) return [usage];
    return known.has(id) ? [] : [{ ...usage, event: { ...usage.event, responseId: null } }];
  });
}

/**
 * Records the calls of models in the spans of one export request, a thousand at a time. A call whose
 * span, or whose answer's id, was recorded before is not recorded again. A team that the caller may
 * not see does not refuse a call.
 * @throws AppError insufficient_permissions, unavailable
 */
export async function recordSpans(context: Context, spans: readonly OtlpSpan[]): Promise<RecordedSpans> {
  requireScope(context.caller, 'usage:write');
  const { events, rejected } = collectSpanUsage(spans, context.caller.otlpExclusiveInput);
  const usages = await leaveOutKnown(context, events);
  const refused: RefusedSpan[] = rejected.map(({ spanId, message }) => ({ spanId, reason: message }));
  const withoutUsage: string[] = [];
  const unseenTeams = await findUnseenTeams(context, usages);
  for (let first = 0; first < usages.length; first += USAGE_LIMITS.batchEvents) {
    const chunk = usages.slice(first, first + USAGE_LIMITS.batchEvents);
    const { items } = await recordUsageBatch(
      context,
      chunk.map(({ event }) => event),
    );
    for (const { index, status, error } of items) {
      const usage = chunk[index];
      if (!usage) continue;
      if (error !== null) refused.push({ spanId: usage.spanId, reason: error });
      else if (status === 'created' && usage.event.telemetry.isWithoutUsage) withoutUsage.push(usage.spanId);
    }
  }
  return { refused, unseenTeams, withoutUsage };
}
