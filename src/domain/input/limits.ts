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

/** What one OTLP request may hold; docs/bounds.md has the reasons. */
export const OTLP_LIMITS = {
  /** Spans or log records; exporters send 512 at a time. */
  records: 10_000,
  /** All messages inside them, attributes for the most part: 25 for each record. */
  messages: 250_000,
  /** Objects and lists in JSON, where events and links are read too before they are left out. */
  jsonValues: 600_000,
} as const;

/** Levels of objects and lists in JSON, the outermost counted. */
export const JSON_DEPTH = 100;
