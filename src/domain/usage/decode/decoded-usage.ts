import type { UsageCounts } from '../../pricing/price/usage-counts.ts';
import type { UsageUnits } from '../../pricing/price/usage-units.ts';
import type { UsagePart } from '../event/usage-details.ts';

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
  /** What else was used; null where there is nothing. */
  units: UsageUnits | null;
  /**
   * The provider's own id of the answer, where it is one that a provider made: ids of gateways and of
   * home-made servers (`chatcmpl-` and digits only) are left out.
   */
  responseId: string | null;
  /** Where the provider was made to process the request (`us`), where that has a price of its own. */
  region: string | null;
  /** What other models did within the answer; empty for nearly all. */
  parts: readonly Omit<UsagePart, 'priceId'>[];
  /** The exact charge in USD when the answer states it, as a plain decimal. */
  cost: string | null;
  /** What did not add up or is not priced, in English. The counts are still the provider's. */
  warnings: string[];
}
