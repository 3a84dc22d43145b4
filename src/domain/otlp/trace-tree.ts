import type { Attributes, OtlpSpan } from './wire/otlp-span.ts';

/** No real trace is deeper. The limit ends a cycle of parents. */
const MAX_DEPTH = 200;
/** How far up a call looks for its user, session and tags. */
const MAX_INHERITED = 50;

/** How the spans of one export stand to each other, by their places in it. */
export interface TraceTree {
  /** The places of the spans around one, the nearest first. */
  ancestorsOf(at: number): Generator<number>;
  /** What the spans around one say, the nearest first; those that say nothing are left out. */
  inheritedBy(at: number): Attributes[];
}

/** Identifies something within a trace. */
export function keyInTrace(traceId: string | undefined, id: string): string {
  return `${traceId}:${id}`;
}

/** Links the spans of one export to their parents; a parent that is not among them is unknown. */
export function buildTraceTree(spans: readonly OtlpSpan[]): TraceTree {
  const placeOf = new Map(spans.map(({ traceId, spanId }, at) => [keyInTrace(traceId, spanId), at]));
  const parentOf = spans.map(({ traceId, parentSpanId }) =>
    parentSpanId === null ? undefined : placeOf.get(keyInTrace(traceId, parentSpanId)),
  );

  function* ancestorsOf(at: number): Generator<number> {
    let place = parentOf[at];
    for (let depth = 0; place !== undefined && place !== at && depth < MAX_DEPTH; depth += 1) {
      yield place;
      place = parentOf[place];
    }
  }

  function inheritedBy(at: number): Attributes[] {
    const inherited: Attributes[] = [];
    for (const place of ancestorsOf(at)) {
      const attributes = spans[place]?.attributes;
      if (attributes && attributes.size > 0) inherited.push(attributes);
      if (inherited.length === MAX_INHERITED) break;
    }
    return inherited;
  }
  return { ancestorsOf, inheritedBy };
}
