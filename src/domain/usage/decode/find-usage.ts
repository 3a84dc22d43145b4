import { invalidField } from '../../../platform/errors.ts';
import { mergeAnthropicEvents } from './merge-anthropic-events.ts';
import { type Fields, type FoundUsage, toFields, toText } from './read-count.ts';

const UNKNOWN = 'is not a usage object or response body that Meterr knows; send inputTokens and outputTokens instead';

/**
 * Finds the usage object in what the caller sent: the object itself, a whole response body, the
 * last chunk of a stream, or a list of a stream's events.
 * @throws AppError `invalid_request` when there is none.
 */
export function findUsage(raw: unknown, path: string): FoundUsage {
  if (Array.isArray(raw)) return findInStream(raw, path);
  const body = toFields(raw);
  if (!body) throw invalidField(path, UNKNOWN);
  return (
    mergeAnthropicEvents([body], path) ?? findInBody(body, path) ?? { fields: body, path, body: null, warnings: [] }
  );
}

/**
 * Where providers put it in a body or a chunk, dotted. The field before the last name is the body
 * it belongs to.
 */
const PLACES = [
  'usage',
  'usageMetadata',
  'usage_metadata',
  'response.usage',
  'response.usageMetadata',
  'metadata.usage',
  'delta.usage',
  'x_groq.usage',
  'amazon-bedrock-invocationMetrics',
] as const;

function findInBody(body: Fields, path: string): FoundUsage | null {
  for (const place of PLACES) {
    const [first = '', second] = place.split('.');
    const inner = second === undefined ? body : toFields(body[first]);
    const fields = toFields(inner?.[second ?? first]);
    if (!fields || !inner) continue;
    const owner = first === 'response' || first === 'metadata' ? inner : body;
    return { fields, path: `${path}.${place}`, body: owner, warnings: [] };
  }
  const meta = toFields(body.meta);
  if (meta && toFields(meta.billed_units)) return { fields: meta, path: `${path}.meta`, body, warnings: [] };
  if (body.usage !== null || toFields(body.billed_units)) return null;
  throw invalidField(`${path}.usage`, 'is null; in a stream only the last chunk has it');
}

/**
 * A stream's numbers are running totals, so the last counts; two answers in one list would lose the
 * first.
 */
function findInStream(items: readonly unknown[], path: string): FoundUsage {
  const anthropic = mergeAnthropicEvents(items, path);
  if (anthropic) return anthropic;
  let last: FoundUsage | null = null;
  let answer: string | null = null;
  for (const [index, item] of items.entries()) {
    const chunk = toFields(item);
    const found = chunk && chunk.usage !== null ? findInBody(chunk, `${path}.${index}`) : null;
    if (!found) continue;
    const id = toText(found.body?.id) ?? toText(found.body?.responseId);
    if (id && answer && id !== answer) throw invalidField(path, 'holds several answers; send one event for each');
    answer = id ?? answer;
    last = found;
  }
  if (!last) throw invalidField(path, `${UNKNOWN} (no event of this list has usage)`);
  return last;
}
