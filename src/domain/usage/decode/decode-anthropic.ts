import { checkTotal, type DecodedCounts } from './decoded-counts.ts';
import {
  addCounts,
  addProblem,
  type FoundCount,
  readCount,
  requireCount,
  type Source,
  toFields,
} from './read-count.ts';

/**
 * Anthropic Messages, also as Bedrock InvokeModel and Vertex return it: `input_tokens` holds
 * neither cache reads nor cache writes, so they are added. `output_tokens` includes thinking.
 */
export function decodeAnthropic(source: Source): DecodedCounts {
  const parts = [readParts(source), ...readCompactions(source)];
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
  if (source.fields.inference_geo === 'us') source.warnings.push(`${source.path}.inference_geo "us" may cost extra`);
  return {
    inputTokens: input,
    outputTokens: output,
    cacheReadTokens: cacheRead,
    cacheWriteTokens: cacheWrite,
    cacheWrite1hTokens: sum((part) => part.cacheWrite1h),
    reasoningTokens: sum((part) => part.reasoning),
    webSearches: readCount(source, 'server_tool_use.web_search_requests'),
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
    if (split.value > stated.value) addProblem(source, stated.path, message);
    else source.warnings.push(`${stated.path} ${message}; the rest was read as 5-minute writes`);
  }
  return {
    input: requireCount(source, 'input_tokens'),
    output: requireCount(source, 'output_tokens'),
    cacheRead: readCount(source, 'cache_read_input_tokens'),
    cacheWrite: stated.given ? stated : split,
    cacheWrite1h,
    reasoning: readCount(source, 'output_tokens_details.thinking_tokens'),
  };
}

/**
 * Compaction is billed, but the numbers at the top leave it out; iterations of type `message` are
 * in them.
 */
function readCompactions(source: Source): Parts[] {
  const iterations: unknown = source.fields.iterations;
  if (!Array.isArray(iterations)) return [];
  return iterations.flatMap((item, index) => {
    const fields = toFields(item);
    const path = `${source.path}.iterations.${index}`;
    if (fields?.type === 'compaction') return [readParts({ ...source, fields, path })];
    if (fields?.type !== 'message') source.warnings.push(`${path} is of a type that Meterr does not know: not counted`);
    return [];
  });
}
