import type { DecodedCounts } from '../source/decoded-counts.ts';
import { addCounts, readCount, type Source, sumCounts } from '../source/read-count.ts';
import { countGrounding } from './count-grounding.ts';
import { placeReasoning } from './place-reasoning.ts';

/**
 * Gemini `usageMetadata`: cached content is inside the prompt, tool prompts and thoughts stand
 * beside prompt and candidates, unless the total proves that the candidates hold the thoughts. A
 * field that is 0 is left out. Google's Python SDK spells the same names in snake case; the Live API
 * says `response` for `candidates`.
 */
export function decodeGemini(source: Source): DecodedCounts {
  const isSnake = Object.keys(source.fields).some((name) => name.includes('_'));
  const spell = (name: string) => (isSnake ? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : name);
  const read = (...names: string[]) => readCount(source, ...names.map(spell));
  const ofModality = (modality: string, ...lists: string[]) =>
    lists
      .map((list) => sumCounts(source, spell(list), spell('tokenCount'), (item) => isModality(item.modality, modality)))
      .reduce((all, count) => addCounts(all, count));
  const inPrompt = (modality: string) => ofModality(modality, 'promptTokensDetails', 'toolUsePromptTokensDetails');
  const inAnswer = (modality: string) => ofModality(modality, 'candidatesTokensDetails', 'responseTokensDetails');
  const inCache = (modality: string) => ofModality(modality, 'cacheTokensDetails');

  const input = addCounts(read('promptTokenCount'), read('toolUsePromptTokenCount'));
  const reasoning = read('thoughtsTokenCount');
  const output = read('candidatesTokenCount', 'responseTokenCount');
  const total = read('totalTokenCount');
  const { webSearches, mapsQueries } = countGrounding(source);
  return {
    inputTokens: input,
    outputTokens: placeReasoning(source, 'beside', { input, output, reasoning, total }),
    cacheReadTokens: read('cachedContentTokenCount'),
    reasoningTokens: reasoning,
    inputAudioTokens: inPrompt('AUDIO'),
    outputAudioTokens: inAnswer('AUDIO'),
    webSearches,
    units: {
      input_image_tokens: inPrompt('IMAGE'),
      input_video_tokens: inPrompt('VIDEO'),
      output_image_tokens: inAnswer('IMAGE'),
      output_video_tokens: inAnswer('VIDEO'),
      cache_audio_read_tokens: inCache('AUDIO'),
      cache_image_read_tokens: inCache('IMAGE'),
      cache_video_read_tokens: inCache('VIDEO'),
      maps_grounding_queries: mapsQueries,
    },
  };
}

/** Enums come as `IMAGE`, `image`, or from an SDK as `MODALITY_IMAGE` or `MediaModality.IMAGE`. */
function isModality(value: unknown, modality: string): boolean {
  return typeof value === 'string' && value.toUpperCase().replace(/^.*[._]/, '') === modality;
}

/**
 * Google's Interactions API: thoughts stand beside the output and tool prompts beside the input,
 * unless the total proves otherwise.
 */
export function decodeInteractions(source: Source): DecodedCounts {
  const ofModality = (list: string, modality: string) =>
    sumCounts(source, list, 'tokens', (item) => isModality(item.modality, modality));
  const inPrompt = (modality: string) =>
    addCounts(ofModality('input_tokens_by_modality', modality), ofModality('tool_use_tokens_by_modality', modality));
  const input = addCounts(readCount(source, 'total_input_tokens'), readCount(source, 'total_tool_use_tokens'));
  const output = readCount(source, 'total_output_tokens');
  const reasoning = readCount(source, 'total_thought_tokens', 'total_reasoning_tokens');
  const total = readCount(source, 'total_tokens');
  const { webSearches, mapsQueries } = countGrounding(source);
  return {
    inputTokens: input,
    outputTokens: placeReasoning(source, 'beside', { input, output, reasoning, total }),
    cacheReadTokens: readCount(source, 'total_cached_tokens'),
    reasoningTokens: reasoning,
    inputAudioTokens: inPrompt('AUDIO'),
    outputAudioTokens: ofModality('output_tokens_by_modality', 'AUDIO'),
    webSearches,
    units: {
      input_image_tokens: inPrompt('IMAGE'),
      input_video_tokens: inPrompt('VIDEO'),
      output_image_tokens: ofModality('output_tokens_by_modality', 'IMAGE'),
      output_video_tokens: ofModality('output_tokens_by_modality', 'VIDEO'),
      cache_audio_read_tokens: ofModality('cached_tokens_by_modality', 'AUDIO'),
      cache_image_read_tokens: ofModality('cached_tokens_by_modality', 'IMAGE'),
      maps_grounding_queries: mapsQueries,
    },
  };
}
