import { invalidField } from '../../../platform/errors.ts';
import { mergeAnthropicEvents } from './merge-anthropic-events.ts';
import { mergeChunks } from './merge-chunks.ts';
import { type Fields, type FoundUsage, toFields, toText } from './source/read-count.ts';

const UNKNOWN = 'is not a usage object or response body that Meterr knows; send inputTokens and outputTokens instead';

/**
 * Finds the usage object in what the caller sent: the object itself, a whole response body, a line
 * of a batch's results or of a transcript, the last chunk of a stream, or a list of a stream's
 * events.
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

interface Place {
  /** Where the usage object is. */
  names: readonly string[];
  /** How many of these names lead to the response body that it belongs to. */
  bodyDepth: number;
}

const place = (dotted: string, bodyDepth: number): Place => ({ names: dotted.split('.'), bodyDepth });

/** Where providers put it in a body or a chunk, and tools in what they keep of one. */
const PLACES: readonly Place[] = [
  place('usage', 0),
  place('usageMetadata', 0),
  place('usage_metadata', 0),
  place('usage_info', 0),
  // Events of OpenAI's streams, lines of Gemini's batches.
  place('response.usage', 1),
  place('response.usageMetadata', 1),
  place('response.usage_metadata', 1),
  // A line of the results of OpenAI's batches, and of Anthropic's.
  place('response.body.usage', 2),
  place('result.message.usage', 2),
  // A line of a transcript of Claude Code.
  place('message.usage', 1),
  place('interaction.usage', 1),
  place('result.usage', 1),
  place('body.usage', 1),
  place('metadata.usage', 1),
  place('delta.usage', 0),
  place('x_groq.usage', 0),
  place('amazon-bedrock-invocationMetrics', 0),
];
/** Names by which a line of a batch's results says which request it answers. */
const BATCH_NAMES = ['custom_id', 'key'] as const;

function findAt(body: Fields, { names, bodyDepth }: Place): { fields: Fields; owner: Fields } | null {
  let inner: Fields | null = body;
  let owner = body;
  for (const [depth, name] of names.entries()) {
    if (depth === bodyDepth) owner = inner;
    inner = toFields(inner[name]);
    if (!inner) return null;
  }
  return { fields: inner, owner };
}

function findInBody(body: Fields, path: string): FoundUsage | null {
  for (const one of PLACES) {
    const found = findAt(body, one);
    if (!found) continue;
    const isBatch = one.bodyDepth > 0 && BATCH_NAMES.some((name) => toText(body[name]) !== null);
    return { fields: found.fields, path: `${path}.${one.names.join('.')}`, body: found.owner, warnings: [], isBatch };
  }
  const meta = toFields(body.meta);
  if (meta && toFields(meta.billed_units)) return { fields: meta, path: `${path}.meta`, body, warnings: [] };
  if (body.usage !== null || toFields(body.billed_units)) return null;
  throw invalidField(`${path}.usage`, 'is null; in a stream only the last chunk has it');
}

/**
 * A stream's numbers are running totals, and a chunk may leave out what an earlier one said; two
 * answers in one list would lose one of them.
 */
function findInStream(items: readonly unknown[], path: string): FoundUsage {
  const anthropic = mergeAnthropicEvents(items, path);
  if (anthropic) return anthropic;
  const chunks: FoundUsage[] = [];
  let answer: string | null = null;
  for (const [index, item] of items.entries()) {
    const chunk = toFields(item);
    const found = chunk && chunk.usage !== null ? findInBody(chunk, `${path}.${index}`) : null;
    if (!found) continue;
    const id = toText(found.body?.id) ?? toText(found.body?.responseId);
    if (id && answer && id !== answer) throw invalidField(path, 'holds several answers; send one event for each');
    answer = id ?? answer;
    chunks.push(found);
  }
  const merged = mergeChunks(chunks, items);
  if (!merged) throw invalidField(path, `${UNKNOWN} (no event of this list has usage)`);
  return merged;
}
