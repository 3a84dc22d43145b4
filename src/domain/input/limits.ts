/** The limits of an event, in characters unless the name or a comment has another unit. */
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
  /** The maximum cost of one event. */
  costUsd: 10n ** 12n,
  /**
   * The maximum of each count of one event. A million times as large as any model's context; and
   * nine thousand such events fit into the sums that answers show, four million into those that are
   * stored.
   */
  count: 1_000_000_000_000,
  batchEvents: 1_000,
  batchLines: 10_000,
  /** How far a timestamp may be ahead of the server's clock, in milliseconds. */
  aheadMs: 5 * 60_000,
} as const;
