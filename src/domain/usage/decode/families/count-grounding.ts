import type { FoundCount } from '../source/read-count.ts';
import { type Fields, type Source, toFields, toText } from '../source/read-count.ts';

const GENERATION = /gemini-(\d+)/;
/** Up to this generation of Gemini a grounded prompt is billed once, whatever it searched for. */
const LAST_BILLED_BY_PROMPT = 2;

function listOf(fields: Fields | null, ...names: string[]): readonly unknown[] {
  for (const name of names) {
    const value: unknown = fields?.[name];
    if (Array.isArray(value)) return value;
  }
  return [];
}

function isBilledByPrompt(source: Source): boolean {
  const { body } = source;
  const model = toText(body?.modelVersion) ?? toText(body?.model_version) ?? toText(body?.model) ?? source.model ?? '';
  const generation = GENERATION.exec(model)?.[1];
  return generation !== undefined && Number(generation) <= LAST_BILLED_BY_PROMPT;
}

/**
 * What Google bills for grounding, which no count of `usageMetadata` tells: Gemini 3 and later each
 * distinct web query of the answer, Gemini 2 and before each prompt that was grounded; Google Maps
 * each prompt (https://ai.google.dev/gemini-api/docs/pricing).
 */
export function countGrounding(source: Source): { webSearches: FoundCount; mapsQueries: FoundCount } {
  const queries = new Set<string>();
  let usesMaps = false;
  for (const candidate of listOf(source.body, 'candidates')) {
    const fields = toFields(candidate);
    const metadata = toFields(fields?.groundingMetadata) ?? toFields(fields?.grounding_metadata);
    for (const query of listOf(metadata, 'webSearchQueries', 'web_search_queries')) {
      if (typeof query === 'string' && query.trim() !== '') queries.add(query);
    }
    usesMaps ||= listOf(metadata, 'groundingChunks', 'grounding_chunks').some((chunk) =>
      toFields(toFields(chunk)?.maps),
    );
  }
  for (const output of listOf(source.body, 'outputs')) {
    const call = toFields(output);
    if (call?.type !== 'google_search_call') continue;
    for (const query of listOf(toFields(call.arguments), 'queries')) if (typeof query === 'string') queries.add(query);
  }
  const searches = isBilledByPrompt(source) ? Math.min(queries.size, 1) : queries.size;
  const path = `${source.path}.candidates`;
  return {
    webSearches: { value: searches, path, given: queries.size > 0 },
    mapsQueries: { value: usesMaps ? 1 : 0, path, given: usesMaps },
  };
}
