import type { UsageCounts } from '../../pricing/price/usage-counts.ts';

/** What a provider's own usage object or response body says. */
export interface DecodedUsage {
  /** Which convention it was read by, e.g. `openai_chat`. */
  shape: string;
  /** The model that served, when the answer names it. */
  model: string | null;
  /**
   * The tier in the provider's own word (`default`, `priority`, `batch`, `fast`), when the answer
   * names it.
   */
  serviceTier: string | null;
  /** The normal form; what the answer does not say is 0. */
  counts: UsageCounts;
  /** The exact charge in USD when the answer states it, as a plain decimal. */
  cost: string | null;
  /** What did not add up or is not priced, in English. The counts are still the provider's. */
  warnings: string[];
}
