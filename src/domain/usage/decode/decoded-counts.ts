import type { UsageCounts } from '../../pricing/price/price.ts';
import { addProblem, type Count, type Source } from './read-count.ts';

/** What a family's decoder read, before the parts are held against their totals. Left out = not said. */
export interface DecodedCounts {
  input: Count;
  output: Count;
  cacheRead?: Count;
  cacheWrite?: Count;
  cacheWrite1h?: Count;
  reasoning?: Count;
  inputAudio?: Count;
  outputAudio?: Count;
  webSearches?: Count;
}

const NONE: Count = { value: 0, path: '', given: false };

/** The decoded as counts; a part above its total, or a sum past 2^53-1, becomes a problem of the source. */
export function toCounts(source: Source, decoded: DecodedCounts): UsageCounts {
  const { input, output, cacheRead = NONE, cacheWrite = NONE, cacheWrite1h = NONE, reasoning = NONE } = decoded;
  const { inputAudio = NONE, outputAudio = NONE, webSearches = NONE } = decoded;
  for (const total of [input, output]) {
    if (!Number.isSafeInteger(total.value)) addProblem(source, total.path, 'adds up to more than 9007199254740991');
  }
  checkPart(source, 'cache reads', cacheRead, 'input', input);
  checkPart(source, 'cache writes', cacheWrite, 'input', input);
  if (cacheRead.value + cacheWrite.value > input.value) {
    const message = `cache reads and writes (${cacheRead.value} + ${cacheWrite.value}) are more than the input (${input.value})`;
    addProblem(source, cacheRead.path, message);
  }
  checkPart(source, '1-hour cache writes', cacheWrite1h, 'cache writes', cacheWrite);
  checkPart(source, 'input audio', inputAudio, 'input', input);
  checkPart(source, 'reasoning', reasoning, 'output', output);
  checkPart(source, 'output audio', outputAudio, 'output', output);
  return {
    inputTokens: input.value,
    outputTokens: output.value,
    cacheReadTokens: cacheRead.value,
    cacheWriteTokens: cacheWrite.value,
    cacheWrite1hTokens: cacheWrite1h.value,
    reasoningTokens: reasoning.value,
    inputAudioTokens: inputAudio.value,
    outputAudioTokens: outputAudio.value,
    webSearches: webSearches.value,
  };
}

function checkPart(source: Source, name: string, part: Count, totalName: string, total: Count): void {
  if (part.value <= total.value) return;
  addProblem(source, part.path, `${name} (${part.value}) are more than the ${totalName} (${total.value})`);
}

/**
 * Holds the provider's own total against what its convention makes of the parts. A mismatch is a warning, never a
 * guess; only a total that no reading of the parts can give (below one of them, or above nothing) is refused.
 */
export function checkTotal(source: Source, total: Count, input: Count, output: Count): void {
  const sum = input.value + output.value;
  if (!total.given || total.value === sum) return;
  if (total.value < Math.max(input.value, output.value) || sum === 0) {
    addProblem(source, total.path, `is ${total.value}, but its parts add up to ${sum}`);
  } else {
    source.warnings.push(`${total.path} is ${total.value}, but its parts add up to ${sum}`);
  }
}
