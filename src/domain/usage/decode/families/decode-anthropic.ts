import { countsOf } from '../../../pricing/price/usage-counts.ts';
import { checkTotal, type DecodedCounts } from '../source/decoded-counts.ts';
import {
  addCounts,
  type FoundCount,
  readCount,
  requireCount,
  type Source,
  toFields,
  toText,
} from '../source/read-count.ts';

/**
 * Anthropic Messages, also as Bedrock InvokeModel and Vertex return it: `input_tokens` holds
 * neither cache reads nor cache writes, so they are added. `output_tokens` includes thinking.
 */
export function decodeAnthropic(source: Source): DecodedCounts {
  const { compactions, others } = readIterations(source);
  const parts = [readParts(source), ...compactions];
  const sum = (pick: (part: Parts) => FoundCount) => parts.map(pick).reduce((all, count) => addCounts(all, count));
  const cacheRead = sum((part) => part.cacheRead);
  const cacheWrite = sum((part) => part.cacheWrite);
  const input = addCounts(
    sum((part) => part.input),
    cacheRead,
    cacheWrite,
  );
  const output = sum((part) => part.output);
  checkTotal(source, readCount(source, 'total_tokens'), input, output);
  return {
    inputTokens: input,
    outputTokens: output,
    cacheReadTokens: cacheRead,
    cacheWriteTokens: cacheWrite,
    cacheWrite1hTokens: sum((part) => part.cacheWrite1h),
    reasoningTokens: sum((part) => part.reasoning),
    webSearches: readCount(source, 'server_tool_use.web_search_requests'),
    ...(others.length > 0 ? { parts: others } : null),
  };
}

interface Parts {
  input: FoundCount;
  output: FoundCount;
  cacheRead: FoundCount;
  cacheWrite: FoundCount;
  cacheWrite1h: FoundCount;
  reasoning: FoundCount;
}

function readParts(source: Source): Parts {
  const cacheWrite1h = readCount(source, 'cache_creation.ephemeral_1h_input_tokens');
  const split = addCounts(readCount(source, 'cache_creation.ephemeral_5m_input_tokens'), cacheWrite1h);
  const stated = readCount(source, 'cache_creation_input_tokens');
  if (stated.given && split.given && split.value !== stated.value) {
    const message = `is ${stated.value}, but cache_creation adds up to ${split.value}`;
    const what = split.value > stated.value ? 'the larger was taken' : 'the rest was read as 5-minute writes';
    source.warnings.push(`${stated.path} ${message}; ${what}`);
  }
  return {
    input: requireCount(source, 'input_tokens'),
    output: requireCount(source, 'output_tokens'),
    cacheRead: readCount(source, 'cache_read_input_tokens'),
    cacheWrite: stated.value >= split.value && stated.given ? stated : split,
    cacheWrite1h,
    reasoning: readCount(source, 'output_tokens_details.thinking_tokens'),
  };
}

interface Iterations {
  /** What the same model did beyond the numbers at the top. */
  compactions: Parts[];
  /** What other models did. */
  others: NonNullable<DecodedCounts['parts']>[number][];
}

const NO_ITERATIONS: Iterations = { compactions: [], others: [] };

/**
 * Compaction is billed, but the numbers at the top leave it out; iterations of type `message` are
 * in them. One that names another model, such as an advisor's, is billed by that model's price.
 */
function readIterations(source: Source): Iterations {
  const iterations: unknown = source.fields.iterations;
  if (!Array.isArray(iterations)) return NO_ITERATIONS;
  const found: Iterations = { compactions: [], others: [] };
  for (const [index, item] of iterations.entries()) {
    const fields = toFields(item);
    const path = `${source.path}.iterations.${index}`;
    const model = toText(fields?.model);
    if (fields?.type === 'message') continue;
    if (fields?.type === 'compaction') found.compactions.push(readParts({ ...source, fields, path }));
    else if (fields && model !== null) found.others.push({ model, counts: countPart({ ...source, fields, path }) });
    else source.warnings.push(`${path} is of a type that Meterr does not know: not counted`);
  }
  return found;
}

/** The counts of another model's iteration, which bears the same fields as the whole. */
function countPart(source: Source) {
  const { input, output, cacheRead, cacheWrite, cacheWrite1h, reasoning } = readParts(source);
  return countsOf({
    inputTokens: addCounts(input, cacheRead, cacheWrite).value,
    outputTokens: Math.max(output.value, reasoning.value),
    cacheReadTokens: cacheRead.value,
    cacheWriteTokens: Math.max(cacheWrite.value, cacheWrite1h.value),
    cacheWrite1hTokens: cacheWrite1h.value,
    reasoningTokens: reasoning.value,
    webSearches: readCount(source, 'server_tool_use.web_search_requests').value,
  });
}
