import type { Price } from './price.ts';

export interface CatalogProvider {
  id: string;
  name: string;
  /** Tried in this order when this provider has no model of that name. */
  fallbackProviders: string[];
}

/** A price with more than 12 decimals (binary noise in the data), rounded half up to `kept`. */
export interface RoundedPrice {
  provider: string;
  model: string;
  unit: string;
  given: string;
  kept: string;
}

/** All public prices of one moment. */
export interface Catalog {
  version: string;
  providers: CatalogProvider[];
  prices: Price[];
  /** The prices that were rounded, for the log. */
  rounded: RoundedPrice[];
}
