import type { SpanUsage } from './genai-span.ts';
import type { OtlpSpan } from './otlp-span.ts';

/** A billable span, by its place among all spans of the request, and the usage it tells of. */
export interface BillableSpan {
  at: number;
  usage: SpanUsage;
}

/** No honest trace is deeper; a loop of parents ends here. */
const MAX_DEPTH = 200;

/**
 * One usage for each call of a model, where several libraries have traced the same call: the same
 * span sent twice, the same response id within a trace, or the nearest ancestor with the same model
 * and totals. Of such twins the one that tells more is kept, else the first. Order is kept.
 * @param spans all spans of the request: the way to an ancestor may lead over spans that are not
 * billable
 */
export function deduplicateSpans(spans: readonly OtlpSpan[], billables: readonly BillableSpan[]): SpanUsage[] {
  const twins = makeGroups(billables.length);
  joinEqualKeys(billables, twins, ({ usage }) => usage.event.id);
  joinEqualKeys(billables, twins, ({ at, usage }) =>
    usage.responseId === null ? null : keyOf(spans[at]?.traceId, usage.responseId),
  );
  joinAncestors(spans, billables, twins);

  const best = new Map<number, number>();
  for (const [index, { usage }] of billables.entries()) {
    const group = twins.find(index);
    const known = billables[best.get(group) ?? -1];
    if (!known || countDetails(usage) > countDetails(known.usage)) best.set(group, index);
  }
  const kept = new Set(best.values());
  return billables.filter((_, index) => kept.has(index)).map(({ usage }) => usage);
}

interface Groups {
  /** The number that stands for the member's group. */
  find: (member: number) => number;
  join: (member: number, other: number) => void;
}

/**
 * Numbers from 0, each a group of its own at first (union-find; ways are halved, so chains stay
 * cheap).
 */
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
  twins: Groups,
  keyOfSpan: (billable: BillableSpan) => string | null,
): void {
  const known = new Map<string, number>();
  for (const [index, billable] of billables.entries()) {
    const key = keyOfSpan(billable);
    if (key === null) continue;
    const other = known.get(key);
    if (other === undefined) known.set(key, index);
    else twins.join(index, other);
  }
}

function joinAncestors(spans: readonly OtlpSpan[], billables: readonly BillableSpan[], twins: Groups): void {
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
        twins.join(index, other);
        break;
      }
      place = parentOf[place];
    }
  }
}

function keyOf(traceId: string | undefined, id: string): string {
  return `${traceId}:${id}`;
}

/**
 * Two response ids that differ are two calls, whatever their numbers. A wrapper may know only the
 * requested model.
 */
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
