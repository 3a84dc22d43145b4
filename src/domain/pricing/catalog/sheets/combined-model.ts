import type { MatchRule, PriceAgreement, PriceSource } from '../../price/price.ts';
import type { SourceModel, SourceSheet } from './source-data.ts';

/** A sheet of the catalog before it has an id. */
export interface CombinedSheet extends SourceSheet {
  /** Epoch milliseconds; null = until further notice. */
  validTo: number | null;
  /** The one that the price was taken from first. */
  sources: PriceSource[];
  agreement: PriceAgreement;
  dispute: string | null;
}

/** A model of the catalog, and what each source says of it. */
export interface CombinedModel {
  provider: string;
  model: string;
  match: MatchRule;
  sheets: CombinedSheet[];
  stated: { genai: SourceModel | null; litellm: SourceModel | null };
}

/** When each sheet ends: at the start of the first later one for the same tier, region and whole days. */
export function withEnds<T extends SourceSheet>(sheets: readonly T[]): (T & { validTo: number | null })[] {
  return sheets.map((sheet, index) => {
    const later = sheets
      .slice(index + 1)
      .filter(
        (one) => one.dailyWindow === null && one.serviceTier === sheet.serviceTier && one.region === sheet.region,
      );
    const starts = later.map(({ validFrom }) => validFrom ?? 0);
    return { ...sheet, validTo: starts.length > 0 ? Math.min(...starts) : null };
  });
}
