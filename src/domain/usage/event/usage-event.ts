import type { AttoUsd } from '../../../platform/money.ts';
import type { Sql } from '../../../platform/postgres/database.ts';
import type { Tags } from '../../input/read-tags.ts';
import type { UsageCounts } from '../../pricing/price/usage-counts.ts';
import type { UsageAdjustment } from './usage-adjustment.ts';
import type { UsageDetails } from './usage-details.ts';

export const COST_SOURCES = ['caller', 'catalog', 'override', 'unpriced'] as const;
/**
 * Where the cost that counts came from. `provider_charge`s in a response body count as the
 * caller's.
 */
export type CostSource = (typeof COST_SOURCES)[number];

/**
 * One row of the ledger in its normal form. Ids are UUIDs, times epoch milliseconds, money plain
 * decimal strings in USD. A row that reverses another has negative counts and cost, and `requests`
 * -1.
 */
export interface UsageEvent extends UsageCounts {
  id: string;
  organizationId: string;
  /** The caller's own id of the event, or our TypeID where none was given. */
  eventId: string;
  timeMs: number;
  recordedAtMs: number;
  provider: string;
  model: string;
  serviceTier: string;
  teamId: string | null;
  apiKeyId: string;
  userId: string | null;
  tags: Tags;
  metadata: unknown;
  requests: number;
  cost: string | null;
  /** Our own price of the event, kept also where the caller's cost wins. */
  computedCost: string | null;
  costSource: CostSource;
  priceId: string | null;
  unpricedReason: string | null;
  /** What did not add up in the provider's own usage object, or in its price. */
  warnings: string[];
  details: UsageDetails | null;
  holdId: string | null;
  voidsId: string | null;
  voidReason: string | null;
  /** The event whose cost this row changes; null for events themselves. */
  adjustsId: string | null;
  /** The row that reverses this one, where it was looked up. */
  voidedById: string | null;
  /**
   * What changed its cost, oldest first, where it was looked up; null where nothing did. `cost` and what
   * belongs to it are then those after the last change.
   */
  adjustments: UsageAdjustment[] | null;
}

/**
 * The provider's own id of the answer that the event stands for; null where it is not known. A row
 * that reverses or changes another keeps what that one says, but is no answer itself.
 */
export function responseIdOf({ details, voidsId, adjustsId }: UsageEvent): string | null {
  return details === null || voidsId !== null || adjustsId !== null ? null : (details.responseId ?? null);
}

/** An event ready for the ledger: its series is known and its body hashed. */
export interface UsageRow {
  event: UsageEvent;
  seriesId: number;
  /** Bytes, each as one character of Latin-1. */
  bodyHash: string;
  /** The event's cost as the integer that sums are made of. */
  costAtto: AttoUsd | null;
  /** The event's tags as JSON; null where there are none. */
  tagsText: string | null;
  /** Of a row that changes a cost: what it adds to the number of unpriced requests; else null. */
  unpricedChange: number | null;
  /**
   * Whether it is refused where prepaid credits do not cover it: then it is a transaction of its
   * own.
   */
  requireCredits: boolean;
  /**
   * Set: what else is written in the transaction that stores the event, which is then one of its own.
   * It may run again after a lost connection, and must then write nothing more.
   */
  writeAlso?: (sql: Sql) => Promise<void>;
  /**
   * Set, beside `writeAlso`: what the row says depends on others, so it is made again under the lock of
   * its organization, with the same ids. What it throws is why it is not stored.
   */
  renew?: (sql: Sql) => Promise<UsageRow>;
}
