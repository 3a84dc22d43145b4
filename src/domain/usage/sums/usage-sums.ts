import type { AttoUsd } from '../../../platform/money.ts';
import { SUMMED_COUNTS, type SummedColumn, type SummedCount } from '../../pricing/price/usage-counts.ts';

/**
 * Sums of usage. Counts are whole numbers, cost is exact; events without a known cost add nothing
 * to it.
 */
export interface UsageSums extends Record<SummedCount, number> {
  requests: number;
  cost: AttoUsd;
  unpricedRequests: number;
}

export type SumColumn = SummedColumn | 'requests' | 'cost' | 'unpriced_requests';

/** The columns that are summed. */
export const SUM_COLUMNS: readonly SumColumn[] = [
  'requests',
  ...SUMMED_COUNTS.map(({ column }) => column),
  'cost',
  'unpriced_requests',
];

/**
 * How many requests without a known cost a row of the ledger adds: its own, or what it changes of
 * another's.
 * @param row how the query names the row; empty where it has one table only
 */
export function unpricedOf(row: string): string {
  const of = row === '' ? '' : `${row}.`;
  return `CASE WHEN ${of}adjusts_id IS NOT NULL THEN coalesce(${of}unpriced_change, 0)
               WHEN ${of}cost IS NULL THEN ${of}requests ELSE 0 END`;
}

/** What a stored sum of counts stays within, as in the function `add_counts`. */
export const MOST_STORED = 4n * 10n ** 18n;

/** No usage. */
export function zeroSums(): UsageSums {
  return {
    requests: 0,
    inputTokens: 0,
    outputTokens: 0,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    reasoningTokens: 0,
    cost: 0n,
    unpricedRequests: 0,
  };
}

/** Adds counts; a sum stays within 2^53-1, where counts on the wire end. */
export function addSaturating(a: number, b: number): number {
  return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, a + b));
}

/** Adds `part` to `total` in place. */
export function addSums(total: UsageSums, part: UsageSums): void {
  total.requests = addSaturating(total.requests, part.requests);
  for (const { field } of SUMMED_COUNTS) total[field] = addSaturating(total[field], part[field]);
  total.cost += part.cost;
  total.unpricedRequests = addSaturating(total.unpricedRequests, part.unpricedRequests);
}
