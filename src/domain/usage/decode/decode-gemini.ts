import { checkTotal, type DecodedCounts } from './decoded-counts.ts';
import { addCounts, readCount, type Source, sumCounts } from './read-count.ts';

const MODALITY_AUDIO = 'AUDIO';

/**
 * Gemini `usageMetadata`: cached content is inside the prompt, tool prompts and thoughts stand
 * beside prompt and candidates. A field that is 0 is left out. Google's Python SDK spells the same
 * names in snake case; the Live API says `response` for `candidates`.
 */
export function decodeGemini(source: Source): DecodedCounts {
  const isSnake = Object.keys(source.fields).some((name) => name.includes('_'));
  const spell = (name: string) => (isSnake ? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : name);
  const read = (...names: string[]) => readCount(source, ...names.map(spell));
  const readAudio = (list: string) =>
    sumCounts(source, spell(list), spell('tokenCount'), (item) => item.modality === MODALITY_AUDIO);

  const input = addCounts(read('promptTokenCount'), read('toolUsePromptTokenCount'));
  const reasoning = read('thoughtsTokenCount');
  const output = addCounts(read('candidatesTokenCount', 'responseTokenCount'), reasoning);
  checkTotal(source, read('totalTokenCount'), input, output);
  return {
    inputTokens: input,
    outputTokens: output,
    cacheReadTokens: read('cachedContentTokenCount'),
    reasoningTokens: reasoning,
    inputAudioTokens: addCounts(readAudio('promptTokensDetails'), readAudio('toolUsePromptTokensDetails')),
    outputAudioTokens: addCounts(readAudio('candidatesTokensDetails'), readAudio('responseTokensDetails')),
  };
}
