import { type BillableSpan, deduplicateSpans } from './deduplicate-spans.ts';
import { readGenaiSpan, type SpanUsage } from './genai-span.ts';
import type { OtlpSpan } from './otlp-span.ts';

export interface RejectedSpan {
  /** 16 hex digits; empty when the span's own id is what is wrong. */
  spanId: string;
  message: string;
}

/**
 * What became of one export request. The three parts add up to all its spans; twins of a call count
 * as ignored.
 */
export interface CollectedUsage {
  /** One for each call of a model, in the order of the spans. */
  events: SpanUsage[];
  ignored: number;
  rejected: RejectedSpan[];
}

const NO_SCOPES: ReadonlySet<string> = new Set();

/**
 * Takes the usage out of the spans of one export request. Spans that are no call of a model, and
 * calls that tell no tokens, are ignored; calls whose numbers can't be used are rejected, and do
 * not hold up the others.
 */
export function collectSpanUsage(
  request: readonly OtlpSpan[],
  exclusiveScopes: ReadonlySet<string> = NO_SCOPES,
): CollectedUsage {
  const billables: BillableSpan[] = [];
  const rejected: RejectedSpan[] = [];
  for (const [at, span] of request.entries()) {
    const result = readGenaiSpan(span, exclusiveScopes);
    if (result.outcome === 'usage') billables.push({ at, usage: result.usage });
    else if (result.outcome === 'rejected') rejected.push({ spanId: span.spanId, message: result.message });
  }
  const events = deduplicateSpans(request, billables);
  return { events, ignored: request.length - events.length - rejected.length, rejected };
}
