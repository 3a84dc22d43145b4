import type { AttoUsd } from '../../../platform/money.ts';
import { QUARTER_HOUR_MS } from '../../../platform/time.ts';
import { SUMMED_COUNTS, type SummedCount, type UsageCounts } from '../../pricing/price/usage-counts.ts';
import type { UsageEvent, UsageRow } from '../event/usage-event.ts';

/** A count that may be beyond 2^53-1, since it is a sum: a BigInt only then. */
export type SumCount = number | bigint;

/** The sum of the rows of one series in one stretch of time, a bucket. */
export interface SeriesSum extends Record<SummedCount, SumCount> {
  organizationId: string;
  /** When the bucket begins. */
  bucketMs: number;
  seriesId: number;
  /** How many rows. */
  events: number;
  requests: number;
  costAtto: AttoUsd;
  unpricedRequests: number;
}

/** What sums are made of. */
interface SummedRow extends Pick<UsageRow, 'seriesId' | 'costAtto' | 'unpricedChange'> {
  event: UsageCounts & Pick<UsageEvent, 'organizationId' | 'timeMs' | 'requests'>;
}

/**
 * Quarter hours of more than two thousand years fit below it, and series numbers above it, in a
 * whole number.
 */
const BUCKETS = 2 ** 22;

/** Adds without losing a digit. */
export function addExact(a: SumCount, b: SumCount): SumCount {
  // Two whole numbers that are safe add up exactly where their sum is safe; a BigInt must not pass
  // through a float.
  const sum = typeof a === 'number' && typeof b === 'number' ? a + b : Number.NaN;
  return Number.isSafeInteger(sum) ? sum : BigInt(a) + BigInt(b);
}

function emptySum(organizationId: string, seriesId: number, bucketMs: number): SeriesSum {
  return {
    organizationId,
    bucketMs,
    seriesId,
    events: 0,
    requests: 0,
    inputTokens: 0,
    outputTokens: 0,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    reasoningTokens: 0,
    costAtto: 0n,
    unpricedRequests: 0,
  };
}

/**
 * Adds an event's counts. Written out, since a loop over SUMMED_COUNTS cannot read them by a fixed
 * name, and every event is added here. A test holds it to the table.
 */
function addEvent(sum: SeriesSum, event: UsageCounts): void {
  sum.inputTokens = addExact(sum.inputTokens, event.inputTokens);
  sum.outputTokens = addExact(sum.outputTokens, event.outputTokens);
  sum.cacheReadTokens = addExact(sum.cacheReadTokens, event.cacheReadTokens);
  sum.cacheWriteTokens = addExact(sum.cacheWriteTokens, event.cacheWriteTokens);
  sum.reasoningTokens = addExact(sum.reasoningTokens, event.reasoningTokens);
}

/** The same sums by longer buckets, which tile into those given: UTC days of quarter hours. */
export function rollUpSums(sums: readonly SeriesSum[], bucketMs: number): SeriesSum[] {
  const larger = new Map<number, SeriesSum>();
  for (const part of sums) {
    const bucket = Math.floor(part.bucketMs / bucketMs);
    const key = part.seriesId * BUCKETS + bucket;
    const sum = larger.get(key) ?? emptySum(part.organizationId, part.seriesId, bucket * bucketMs);
    larger.set(key, sum);
    sum.events += part.events;
    sum.requests += part.requests;
    for (const { field } of SUMMED_COUNTS) sum[field] = addExact(sum[field], part[field]);
    sum.costAtto += part.costAtto;
    sum.unpricedRequests += part.unpricedRequests;
  }
  return [...larger.values()];
}

/**
 * The rows' sums by quarter hour and series, which no two organizations share: what rollups grow
 * by.
 */
export function rollUpRows(rows: readonly SummedRow[]): SeriesSum[] {
  const sums = new Map<number, SeriesSum>();
  for (const { event, seriesId, costAtto, unpricedChange } of rows) {
    const bucket = Math.floor(event.timeMs / QUARTER_HOUR_MS);
    const key = seriesId * BUCKETS + bucket;
    let sum = sums.get(key);
    if (sum === undefined) {
      sum = emptySum(event.organizationId, seriesId, bucket * QUARTER_HOUR_MS);
      sums.set(key, sum);
    }
    sum.events++;
    sum.requests += event.requests;
    addEvent(sum, event);
    if (costAtto === null) sum.unpricedRequests += event.requests;
    else sum.costAtto += costAtto;
    if (unpricedChange !== null) sum.unpricedRequests += unpricedChange;
  }
  return [...sums.values()];
}
