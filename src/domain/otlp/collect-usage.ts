import { type BillableSpan, deduplicateSpans } from './deduplicate-spans.ts';
import { readGenaiSpan, type SpanUsage } from './span/genai-span.ts';
import { buildTraceTree } from './trace-tree.ts';
import type { OtlpSpan } from './wire/otlp-span.ts';

export interface RejectedSpan {
  /** 16 hex digits; empty when the id itself is invalid. */
  spanId: string;
  message: string;
}

/** The usage in one export request. Repeated spans of the same call count as ignored. */
export interface CollectedUsage {
  /** One event for each call of a model, in the order of the spans. */
  events: SpanUsage[];
  ignored: number;
  rejected: RejectedSpan[];
}

/**
 * Collects the usage in the spans of one export request. Spans that are not a call of a model are
 * ignored. Calls with invalid numbers are rejected and do not affect the others.
 * @param isExclusive the API key says that its spans' input leaves cached tokens out
 */
export function collectSpanUsage(request: readonly OtlpSpan[], isExclusive = false): CollectedUsage {
  const tree = buildTraceTree(request);
  const billables: BillableSpan[] = [];
  const rejected: RejectedSpan[] = [];
  for (const [at, span] of request.entries()) {
    const result = readGenaiSpan(span, () => tree.inheritedBy(at), isExclusive);
    if (result.outcome === 'usage') billables.push({ at, usage: result.usage });
    else if (result.outcome === 'rejected') rejected.push({ spanId: span.spanId, message: result.message });
  }
  const events = deduplicateSpans(request, billables, tree);
  return { events, ignored: request.length - events.length - rejected.length, rejected };
}
