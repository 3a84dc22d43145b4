/** How large an event's parts may be, in characters where nothing else is said. */
export const USAGE_LIMITS = {
  eventId: 255,
  provider: 100,
  model: 255,
  serviceTier: 50,
  userId: 255,
  tags: 32,
  tagKey: 64,
  tagValue: 255,
  metadataBytes: 16_384,
  voidReason: 500,
  /** Of one event: a hundred million of them still fit the columns that sums are kept in. */
  costUsd: 10n ** 12n,
  batchEvents: 1_000,
  batchLines: 10_000,
  /** How far ahead of the server's clock a timestamp may be. */
  aheadMs: 5 * 60_000,
} as const;
