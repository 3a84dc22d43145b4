import type { CatalogProvider, RoundedPrice } from '../../price/catalog.ts';
import type { DailyWindow, MatchRule, UnitPrice } from '../../price/price.ts';

/** The public sources, in the order in which they are believed. */
export type SourceName = 'genai-prices' | 'litellm';

/** One price sheet as a source states it. */
export interface SourceSheet {
  /** Null = the standard tier. */
  serviceTier: string | null;
  region: string | null;
  /** Epoch milliseconds; null = the source gives no start. */
  validFrom: number | null;
  dailyWindow: DailyWindow | null;
  units: UnitPrice[];
}

/** What a source says of one model. */
export interface SourceModel {
  /** In the words of `normalizeProvider`. */
  provider: string;
  /** Folded, without the provider's prefix. */
  model: string;
  match: MatchRule;
  /** Of those that fit a time, a tier and a region the last one counts. */
  sheets: SourceSheet[];
}

/** A source in our words: providers, unit names, decimal strings. */
export interface SourceData {
  name: SourceName;
  version: string;
  providers: CatalogProvider[];
  models: SourceModel[];
  rounded: RoundedPrice[];
}
