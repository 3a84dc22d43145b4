/**
 * Why the cost of an event was changed after it was recorded: its model had no price then, or somebody
 * had its price looked up again.
 */
export const ADJUSTMENT_REASONS = ['priced_later', 'repriced'] as const;
export type AdjustmentReason = (typeof ADJUSTMENT_REASONS)[number];

/** One change of an event's cost: a row of the ledger of its own. Money is a decimal string in USD. */
export interface UsageAdjustment {
  atMs: number;
  /** UUID of the price that applies from then on. */
  priceId: string | null;
  costBefore: string | null;
  costAfter: string;
  reason: AdjustmentReason;
}
