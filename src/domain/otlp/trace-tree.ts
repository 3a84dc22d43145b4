import { isInheritedName } from './names/read-names.ts';
import type { Attributes, AttributeValue, OtlpSpan } from './wire/otlp-span.ts';

/** No real trace is deeper. The limit ends a cycle of parents. */
const MAX_DEPTH = 200;
/** How many attributes a span takes from those around it. */
const MAX_INHERITED = 128;
const NONE: Attributes = new Map();

/** How the spans of one export stand to each other, by their places in it. */
export interface TraceTree {
  /** The places of the spans around one, the nearest first. */
  ancestorsOf(at: number): Generator<number>;
  /** What the spans around one say that holds for it, too; the nearest wins. */
  inheritedBy(at: number): Attributes;
}

/** Identifies something within a trace. */
export function keyInTrace(traceId: string | undefined, id: string): string {
  return `${traceId}:${id}`;
}

/** What holds inside a span: its own attributes of that kind, then those of the spans around it. */
function joinInherited({ attributes }: OtlpSpan, outer: Attributes): Attributes {
  let joined: Map<string, AttributeValue> | undefined;
  for (const [name, value] of attributes) {
    if (!isInheritedName(name)) continue;
    joined ??= new Map();
    if (joined.size < MAX_INHERITED) joined.set(name, value);
  }
  if (!joined) return outer;
  for (const [name, value] of outer) {
    if (joined.size === MAX_INHERITED) break;
    if (!joined.has(name)) joined.set(name, value);
  }
  return joined;
}

/** Links the spans of one export to their parents; a parent that is not among them is unknown. */
export function buildTraceTree(spans: readonly OtlpSpan[]): TraceTree {
  const placeOf = new Map(spans.map(({ traceId, spanId }, at) => [keyInTrace(traceId, spanId), at]));
  const parentOf = spans.map(({ traceId, parentSpanId }) =>
    parentSpanId === null ? undefined : placeOf.get(keyInTrace(traceId, parentSpanId)),
  );
  /** What holds inside each span, as far as it was asked for. */
  const inside = new Map<number, Attributes>();

  function* ancestorsOf(at: number): Generator<number> {
    let place = parentOf[at];
    for (let depth = 0; place !== undefined && place !== at && depth < MAX_DEPTH; depth += 1) {
      yield place;
      place = parentOf[place];
    }
  }

  function inheritedBy(at: number): Attributes {
    // Not by recursion: a chain may be as long as the export. A cycle ends where it is seen again.
    const chain = new Set<number>();
    let place = parentOf[at];
    while (place !== undefined && place !== at && !inside.has(place) && !chain.has(place)) {
      chain.add(place);
      place = parentOf[place];
    }
    let outer = (place !== undefined && inside.get(place)) || NONE;
    for (const one of [...chain].reverse()) {
      const span = spans[one];
      if (span) outer = joinInherited(span, outer);
      inside.set(one, outer);
    }
    return outer;
  }
  return { ancestorsOf, inheritedBy };
}
