import type { SpanUsage } from './span/genai-span.ts';
import type { OtlpSpan } from './wire/otlp-span.ts';

/** A billable span: `at` is its index among all spans of the request. */
export interface BillableSpan {
  at: number;
  usage: SpanUsage;
}

/** No real trace is deeper. The limit ends a cycle of parents. */
const MAX_DEPTH = 200;

/**
 * Returns one usage for each call of a model when several libraries have traced the same call.
 * Spans belong to the same call when they have the same id or, within a trace, the same response
 * id, and when one is an ancestor of the other with the same model and token counts. The span with
 * the most details is returned, or the first of those. Order is preserved.
 * @param spans all spans of the request, because spans that are not billable can be between a span
 *   and its ancestor
 */
export function deduplicateSpans(spans: readonly OtlpSpan[], billables: readonly BillableSpan[]): SpanUsage[] {
  const calls = makeGroups(billables.length);
  joinEqualKeys(billables, calls, ({ usage }) => usage.event.id);
  joinEqualKeys(billables, calls, ({ at, usage }) =>
    usage.responseId === null ? null : keyOf(spans[at]?.traceId, usage.responseId),
  );
  joinAncestors(spans, billables, calls);

  const best = new Map<number, number>();
  for (const [index, { usage }] of billables.entries()) {
    const group = calls.find(index);
    const current = billables[best.get(group) ?? -1];
    if (!current || countDetails(usage) > countDetails(current.usage)) best.set(group, index);
  }
  const chosen = new Set(best.values());
  return billables.filter((_, index) => chosen.has(index)).map(({ usage }) => usage);
}

interface Groups {
  find: (member: number) => number;
  join: (member: number, other: number) => void;
}

/** A union-find of the numbers below `size`; path halving keeps chains short. */
function makeGroups(size: number): Groups {
  const links = Array.from({ length: size }, (_, index) => index);
  const find = (member: number): number => {
    let at = member;
    for (let next = links[at]; next !== undefined && next !== at; next = links[at]) {
      links[at] = links[next] ?? next;
      at = next;
    }
    return at;
  };
  return {
    find,
    join: (member, other) => {
      links[find(member)] = find(other);
    },
  };
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

function joinAncestors(spans: readonly OtlpSpan[], billables: readonly BillableSpan[], calls: Groups): void {
  const placeOf = new Map(spans.map(({ traceId, spanId }, at) => [keyOf(traceId, spanId), at]));
  const parentOf = spans.map(({ traceId, parentSpanId }) =>
    parentSpanId === null ? undefined : placeOf.get(keyOf(traceId, parentSpanId)),
  );
  const billableAt = new Map(billables.map(({ at }, index) => [at, index]));
  for (const [index, { at, usage }] of billables.entries()) {
    let place = parentOf[at];
    for (let depth = 0; place !== undefined && depth < MAX_DEPTH; depth += 1) {
      const other = billableAt.get(place);
      const ancestor = other === undefined ? undefined : billables[other];
      if (other !== undefined && ancestor && isSameCall(ancestor.usage, usage)) {
        calls.join(index, other);
        break;
      }
      place = parentOf[place];
    }
  }
}

function keyOf(traceId: string | undefined, id: string): string {
  return `${traceId}:${id}`;
}

/** Different response ids are different calls. A wrapper may report only the requested model. */
function isSameCall(one: SpanUsage, other: SpanUsage): boolean {
  if (one.responseId !== null && other.responseId !== null) return one.responseId === other.responseId;
  if (one.event.inputTokens !== other.event.inputTokens || one.event.outputTokens !== other.event.outputTokens) {
    return false;
  }
  const models = [other.event.model, other.requestModel];
  return models.includes(one.event.model) || (one.requestModel !== null && models.includes(one.requestModel));
}

function countDetails({ event, responseId }: SpanUsage): number {
  const parts = [event.cacheReadTokens, event.cacheWriteTokens, event.reasoningTokens, event.inputAudioTokens];
  return parts.filter(Boolean).length + (responseId === null ? 0 : 1);
}
