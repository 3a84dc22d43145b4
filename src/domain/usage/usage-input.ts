import type { UsageCounts } from '../pricing/price.ts';

/** An event as a door hands it on: types are checked, meaning is not. */
export interface UsageInput extends Partial<Record<keyof UsageCounts, number | null>> {
  /** The caller's own id: makes a repeat harmless for ever. */
  id?: string | null;
  provider: string;
  /** May be missing only where `usage` is a response body that names the model. */
  model?: string | null;
  /** The provider's own usage object, or whole response body, unchanged. Excludes the counts. */
  usage?: unknown;
  serviceTier?: string | null;
  timestamp?: Date | null;
  /** TypeID of a team. */
  teamId?: string | null;
  userId?: string | null;
  tags?: unknown;
  metadata?: unknown;
  /** Decimal text in USD. */
  cost?: string | null;
  /** TypeID of a hold that this event settles. */
  holdId?: string | null;
  requireCredits?: boolean | null;
}

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
