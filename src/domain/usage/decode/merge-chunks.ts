import { type Fields, type FoundUsage, toFields } from './source/read-count.ts';

/** Deeper than any provider nests its counts. */
const MAX_DEPTH = 4;
/** A stream of an answer that is grounded says for what it searched in any of its chunks. */
const GROUNDED = 'candidates';

/**
 * Two running totals of one answer as one: of each number the larger, since totals only grow, and
 * all that only one of them says.
 */
function mergeTotals(earlier: Fields, later: Fields, depth: number): Fields {
  const merged: Record<string, unknown> = Object.assign(Object.create(null), earlier);
  for (const [name, value] of Object.entries(later)) {
    const known = merged[name];
    if (value === null || value === undefined) continue;
    const [inner, laterInner] = [toFields(known), toFields(value)];
    if (inner && laterInner && depth < MAX_DEPTH) merged[name] = mergeTotals(inner, laterInner, depth + 1);
    else if (typeof known === 'number' && typeof value === 'number') merged[name] = Math.max(known, value);
    else if (!(Array.isArray(value) && value.length === 0)) merged[name] = value;
  }
  return merged;
}

/** The body of the last chunk, with what all chunks of the stream together say of the answer. */
function mergeBodies(chunks: readonly FoundUsage[], items: readonly unknown[]): Fields | null {
  const last = chunks.at(-1)?.body ?? null;
  const bodies = chunks.flatMap(({ body }) => (body ? [body] : []));
  const candidates = items.flatMap((item) => {
    const list: unknown = toFields(item)?.[GROUNDED];
    return Array.isArray(list) ? list : [];
  });
  if (!last || (bodies.length < 2 && candidates.length === 0)) return last;
  const merged: Record<string, unknown> = Object.assign(Object.create(null), ...bodies);
  if (candidates.length > 0) merged[GROUNDED] = candidates;
  return merged;
}

/**
 * The usage of a stream: what its chunks say together. Null where none of them has any.
 * @param chunks those with usage, in their order, all of one answer
 * @param items all that the caller sent
 */
export function mergeChunks(chunks: readonly FoundUsage[], items: readonly unknown[]): FoundUsage | null {
  const last = chunks.at(-1);
  if (!last) return null;
  const fields = chunks
    .slice(1)
    .reduce((merged, chunk) => mergeTotals(merged, chunk.fields, 0), chunks[0]?.fields ?? last.fields);
  return { ...last, fields, body: mergeBodies(chunks, items) };
}
