/**
 * Why a request has no cost, in words for the caller. A closed list; the cost is then null, never
 * 0.
 */
export const UNPRICED_REASONS = {
  unknown_provider: 'No price is known for any model of this provider.',
  unknown_model: 'This provider is known, but not this model.',
  no_price_at_time: 'The model has a price, but none that was in force at the time of the event.',
  no_price_for_service_tier: 'Only the standard service tier of this model has a price; set an override for this tier.',
  no_price_for_units: 'None of what was counted has a price, or nothing was counted of what the model is charged by.',
  no_usage_reported: 'The call was seen, but nobody said what it used, so it counts as a request without tokens.',
} as const;

export type UnpricedReason = keyof typeof UNPRICED_REASONS;

export interface Unpriced {
  reason: UnpricedReason;
}
