/**
 * Which model names a price is for, in the words of the genai-prices data. Case is ignored, except
 * by `regex`.
 */
export type MatchRule =
  | { equals: string }
  | { starts_with: string }
  | { ends_with: string }
  | { contains: string }
  | { regex: string }
  | { or: MatchRule[] }
  | { and: MatchRule[] };

/**
 * From this much on: a request with more than `above` input tokens pays `price` for all of the
 * unit, not for the rest.
 */
export interface PriceTier {
  above: number;
  price: string;
}

/** The price of one unit: `price` USD (plain decimal, at most 12 places) for every `per` of it. */
export interface UnitPrice {
  /**
   * `input_tokens`, `cache_read_tokens`, ...; also units that Meterr does not count yet
   * (`audio_seconds`).
   */
  unit: string;
  price: string;
  per: number;
  /** Ascending by `above`; empty when the price is flat. */
  tiers: PriceTier[];
}

/**
 * A part of every day in UTC, start included, end not. An end before its start is on the next day.
 */
export interface DailyWindow {
  startSeconds: number;
  endSeconds: number;
  /** The UTC days of the week on which it begins, 0 = Sunday; null = every day. */
  weekdays: readonly number[] | null;
}

/** A source of prices, and which version of it states the price. */
export interface PriceSource {
  name: string;
  version: string;
}

/**
 * What the sources say of a price: several state it, one does, they differ, or it is the
 * organization's own.
 */
export const PRICE_AGREEMENTS = ['agreed', 'single', 'disputed', 'own'] as const;
export type PriceAgreement = (typeof PRICE_AGREEMENTS)[number];

/** A part that an organization pays less than the catalog's price. */
export interface PriceDiscount {
  /** Above 0, to 100: a plain decimal. */
  percent: string;
  /** UUID of the catalog's sheet that it is taken off; null of the discount itself, which has no units. */
  of: string | null;
}

/**
 * One price sheet of one model for one stretch of time. Never changed, only followed by another;
 * plain JSON.
 */
export interface Price {
  /** UUID made of the content: the same sheet has the same id in every version of the catalog. */
  id: string;
  /** Whose override it is; null = the catalog's, for everyone. */
  organizationId: string | null;
  provider: string;
  /**
   * The catalog's own name of the model; of an override, the name or prefix it was made for, and empty for a
   * discount on all models of the provider.
   */
  model: string;
  match: MatchRule;
  /** Null = the standard tier; of an override, every tier. */
  serviceTier: string | null;
  /** Where the provider is made to process the request (`us`); null = wherever it likes. */
  region: string | null;
  /** Epoch milliseconds, included; null = always so far. */
  validFrom: number | null;
  /** Epoch milliseconds, not included; null = until further notice. */
  validTo: number | null;
  dailyWindow: DailyWindow | null;
  units: UnitPrice[];
  /** Only of an own price: its units are then the catalog's, before the discount. */
  discount?: PriceDiscount;
  /** `genai-prices`, or `override`. */
  source: string;
  sourceVersion: string;
  /** The sources that state this price, the one it was taken from first; empty for an own price. */
  sources: readonly PriceSource[];
  agreement: PriceAgreement;
  /**
   * The warning that an event carries which is charged by a disputed price: a sentence that names both
   * sources and what they say. Null for other prices.
   */
  dispute: string | null;
  /**
   * Order inside the provider. Of the sheets that fit a name and a time the last one of the first
   * model counts.
   */
  ordinal: number;
}
