import type { SpanUsage } from './span/genai-span.ts';
import { keyInTrace, type TraceTree } from './trace-tree.ts';
import { type Groups, makeGroups } from './union-find.ts';
import type { OtlpSpan } from './wire/otlp-span.ts';

/** A billable span: `at` is its index among all spans of the request. */
export interface BillableSpan {
  at: number;
  usage: SpanUsage;
}

/**
 * Returns one usage for each call of a model when several libraries have traced the same call.
 * Spans belong to the same call when they have the same id, the same id of the answer, or, within a
 * trace, the same id that a framework gave to the call; and when one is around the other with the
 * same token counts. The span with the most details is returned, or the first of those. A span
 * around calls whose counts add up to its own is no call, and one without counts around or inside a
 * call is that call. Order is preserved.
 * @param spans all spans of the request, because spans that are not billable can be between a span
 *   and its ancestor
 */
export function deduplicateSpans(
  spans: readonly OtlpSpan[],
  billables: readonly BillableSpan[],
  tree: TraceTree,
): SpanUsage[] {
  const calls = makeGroups(billables.length);
  joinEqualKeys(billables, calls, ({ usage }) => usage.event.id);
  joinEqualKeys(billables, calls, ({ usage }) => usage.event.responseId ?? null);
  joinEqualKeys(billables, calls, ({ at, usage }) =>
    usage.callId === null ? null : keyInTrace(spans[at]?.traceId, usage.callId),
  );
  const billableAt = new Map(billables.map(({ at }, index) => [at, index]));
  const around = billables.map(({ at }) => {
    const found: number[] = [];
    for (const place of tree.ancestorsOf(at)) {
      const index = billableAt.get(place);
      if (index !== undefined) found.push(index);
    }
    return found;
  });
  joinAncestors(billables, calls, around);

  const best = findBest(billables, calls);
  for (const group of findWrappers(billables, calls, around, best)) best.delete(group);
  const chosen = new Set(best.values());
  return billables.filter((_, index) => chosen.has(index)).map(({ usage }) => usage);
}

/** The span of each group that is kept for it. */
function findBest(billables: readonly BillableSpan[], calls: Groups): Map<number, number> {
  const best = new Map<number, number>();
  for (const [index, { usage }] of billables.entries()) {
    const group = calls.find(index);
    const current = billables[best.get(group) ?? -1];
    if (!current || countDetails(usage) > countDetails(current.usage)) best.set(group, index);
  }
  return best;
}

function joinEqualKeys(
  billables: readonly BillableSpan[],
  calls: Groups,
  keyOfSpan: (billable: BillableSpan) => string | null,
): void {
  const firstByKey = new Map<string, number>();
  for (const [index, billable] of billables.entries()) {
    const key = keyOfSpan(billable);
    if (key === null) continue;
    const other = firstByKey.get(key);
    if (other === undefined) firstByKey.set(key, index);
    else calls.join(index, other);
  }
}

function joinAncestors(billables: readonly BillableSpan[], calls: Groups, around: readonly number[][]): void {
  for (const [index, { usage }] of billables.entries()) {
    const other = around[index]?.find((candidate) => {
      const ancestor = billables[candidate]?.usage;
      return ancestor !== undefined && isSameCall(ancestor, usage);
    });
    if (other !== undefined) calls.join(index, other);
  }
}

/** Different ids of answers are different calls. A wrapper may know the model by another name. */
function isSameCall(one: SpanUsage, other: SpanUsage): boolean {
  const [id, otherId] = [one.event.responseId ?? null, other.event.responseId ?? null];
  if (id !== null && otherId !== null) return id === otherId;
  if (isWithoutUsage(one) || isWithoutUsage(other)) return true;
  return sameNumbers([one.event.inputTokens ?? 0, one.event.outputTokens ?? 0], other) ||
    sameNumbers([one.statedInput, one.statedOutput], other);
}

function isWithoutUsage({ event }: SpanUsage): boolean {
  return event.telemetry.isWithoutUsage;
}

/** Whether the span has these numbers of input and output, as it states them or as they are meant. */
function sameNumbers([input, output]: readonly [number, number], { event, statedInput, statedOutput }: SpanUsage): boolean {
  return (event.inputTokens === input && event.outputTokens === output) || (statedInput === input && statedOutput === output);
}

/** The groups whose numbers are the sum of those of the calls directly inside them. */
function findWrappers(
  billables: readonly BillableSpan[],
  calls: Groups,
  around: readonly number[][],
  best: ReadonlyMap<number, number>,
): number[] {
  const inside = new Map<number, Set<number>>();
  for (const index of billables.keys()) {
    const group = calls.find(index);
    const outer = around[index]?.map((one) => calls.find(one)).find((one) => one !== group);
    if (outer === undefined) continue;
    const groups = inside.get(outer) ?? new Set();
    inside.set(outer, groups.add(group));
  }
  const usageOf = (group: number) => billables[best.get(group) ?? -1]?.usage;
  return [...inside].flatMap(([outer, groups]) => {
    const wrapper = usageOf(outer);
    const parts = [...groups].flatMap((group) => usageOf(group) ?? []);
    if (!wrapper || parts.every(isWithoutUsage)) return [];
    const sum = (read: (usage: SpanUsage) => number) => parts.reduce((total, part) => total + read(part), 0);
    const isSum =
      sameNumbers([sum(({ event }) => event.inputTokens ?? 0), sum(({ event }) => event.outputTokens ?? 0)], wrapper) ||
      sameNumbers([sum(({ statedInput }) => statedInput), sum(({ statedOutput }) => statedOutput)], wrapper);
    return isSum ? [outer] : [];
  });
}

function countDetails({ event, callId }: SpanUsage): number {
  if (event.telemetry.isWithoutUsage) return -1;
  const parts = [event.cacheReadTokens, event.cacheWriteTokens, event.reasoningTokens, event.inputAudioTokens];
  return parts.filter(Boolean).length + (event.units ? 1 : 0) + (callId === null ? 0 : 1);
}
