import type { SpanUsage } from './span/genai-span.ts';
import { keyInTrace, type TraceTree } from './trace-tree.ts';
import { type Groups, makeGroups } from './union-find.ts';
import type { OtlpSpan } from './wire/otlp-span.ts';

/** A billable span: `at` is its index among all spans of the request. */
export interface BillableSpan {
  at: number;
  usage: SpanUsage;
}

const CHARGED_DETAILS = 100;

/**
 * Returns one usage for each call of a model when several libraries have traced the same call.
 * Spans belong to the same call when they have the same id, the same id of the answer, or, within a
 * trace, the same id that a framework gave to the call; and when one is around the other with the
 * same token counts. The span with the most details is returned, or the first of those. A span
 * around calls whose counts add up to its own is not a call itself. A span without counts that is
 * around a call, or inside one, belongs to that call. Order is preserved.
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
  const outer = joinAncestors(billables, calls, around);

  const best = findBest(billables, calls);
  for (const group of findWrappers(billables, calls, around, outer, best)) best.delete(group);
  for (const group of findEmpty(billables, calls, around)) best.delete(group);
  const chosen = new Set(best.values());
  return billables.filter((_, index) => chosen.has(index)).map(({ usage }) => usage);
}

/** The span of each group that is kept for it. */
function findBest(billables: readonly BillableSpan[], calls: Groups): Map<number, number> {
  const best = new Map<number, number>();
  for (const [index, { usage }] of billables.entries()) {
    const group = calls.find(index);
    const current = billables[best.get(group) ?? -1];
    if (!current || tellsMore(usage, current.usage)) best.set(group, index);
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

/** Returns the spans that are around another one of the same call. */
function joinAncestors(
  billables: readonly BillableSpan[],
  calls: Groups,
  around: readonly number[][],
): ReadonlySet<number> {
  const outer = new Set<number>();
  for (const [index, { usage }] of billables.entries()) {
    const other = around[index]?.find((candidate) => {
      const ancestor = billables[candidate]?.usage;
      return ancestor !== undefined && isSameCall(ancestor, usage);
    });
    if (other === undefined || calls.find(other) === calls.find(index)) {
      if (other !== undefined) outer.add(other);
      continue;
    }
    // A span that repeats a call inside it belongs to that call only, so the other calls keep theirs.
    if (outer.has(other)) continue;
    outer.add(other);
    calls.join(index, other);
  }
  return outer;
}

/**
 * Different ids of answers are different calls; but a wrapper may have an id of its own. It may know
 * the model by another name, too.
 */
function isSameCall(one: SpanUsage, other: SpanUsage): boolean {
  if (haveOtherIds(one, other)) return false;
  if (one.callId !== null && one.callId === other.callId) return true;
  if (isWithoutUsage(one) || isWithoutUsage(other)) return false;
  return (
    sameNumbers([one.event.inputTokens ?? 0, one.event.outputTokens ?? 0], other) ||
    sameNumbers([one.statedInput, one.statedOutput], other)
  );
}

/** Whether both have an id of their answer, of the same kind, and not the same one. */
function haveOtherIds(one: SpanUsage, other: SpanUsage): boolean {
  const isComparable = (one.providerId === null) === (other.providerId === null);
  return isComparable && one.callId !== null && other.callId !== null && one.callId !== other.callId;
}

function isWithoutUsage({ event }: SpanUsage): boolean {
  return event.telemetry.isWithoutUsage;
}

/** Whether the span has these numbers of input and output, as it states them or as they are meant. */
function sameNumbers(
  [input, output]: readonly [number, number],
  { event, statedInput, statedOutput }: SpanUsage,
): boolean {
  return (
    (event.inputTokens === input && event.outputTokens === output) || (statedInput === input && statedOutput === output)
  );
}

/** The groups whose numbers are the sum of those of the calls directly inside them. */
function findWrappers(
  billables: readonly BillableSpan[],
  calls: Groups,
  around: readonly number[][],
  repeating: ReadonlySet<number>,
  best: ReadonlyMap<number, number>,
): number[] {
  const inside = new Map<number, Set<number>>();
  for (const index of billables.keys()) {
    const group = calls.find(index);
    const nearest = around[index]?.find((one) => calls.find(one) !== group);
    if (nearest === undefined || repeating.has(nearest)) continue;
    const outer = calls.find(nearest);
    const groups = inside.get(outer) ?? new Set();
    inside.set(outer, groups.add(group));
  }
  const usageOf = (group: number) => billables[best.get(group) ?? -1]?.usage;
  return [...inside].flatMap(([outer, groups]) => {
    const wrapper = usageOf(outer);
    const parts = [...groups].flatMap((group) => usageOf(group) ?? []);
    // What a provider has answered itself is a call, whatever happened inside it.
    if (!wrapper || wrapper.providerId !== null || parts.every(isWithoutUsage)) return [];
    if (parts.length === 1 && parts[0] && haveOtherIds(wrapper, parts[0])) return [];
    const sum = (read: (usage: SpanUsage) => number) => parts.reduce((total, part) => total + read(part), 0);
    const isSum =
      sameNumbers([sum(({ event }) => event.inputTokens ?? 0), sum(({ event }) => event.outputTokens ?? 0)], wrapper) ||
      sameNumbers([sum(({ statedInput }) => statedInput), sum(({ statedOutput }) => statedOutput)], wrapper);
    return isSum ? [outer] : [];
  });
}

/** With as many details, the lower numbers are those of the call, the higher ones of what is around it. */
function tellsMore(one: SpanUsage, other: SpanUsage): boolean {
  const more = countDetails(one) - countDetails(other);
  return more > 0 || (more === 0 && totalOf(one) < totalOf(other));
}

function totalOf({ event }: SpanUsage): number {
  return (event.inputTokens ?? 0) + (event.outputTokens ?? 0);
}

/** Calls without counts that have counts inside or around them, or are around another one. */
function findEmpty(billables: readonly BillableSpan[], calls: Groups, around: readonly number[][]): Set<number> {
  const empty = new Set<number>();
  const isEmpty = (index: number) => {
    const usage = billables[index]?.usage;
    return usage !== undefined && isWithoutUsage(usage);
  };
  for (const [index, outside] of around.entries()) {
    for (const outer of outside) {
      if (isEmpty(outer)) empty.add(calls.find(outer));
      else if (isEmpty(index)) empty.add(calls.find(index));
    }
  }
  return empty;
}

function countDetails({ event, callId }: SpanUsage): number {
  if (event.telemetry.isWithoutUsage) return -1;
  // What is known to be charged is more than any price list says.
  if (event.telemetry.charge !== null) return CHARGED_DETAILS;
  const parts = [event.cacheReadTokens, event.cacheWriteTokens, event.reasoningTokens, event.inputAudioTokens];
  return parts.filter(Boolean).length + (event.units ? 1 : 0) + (callId === null ? 0 : 1);
}
