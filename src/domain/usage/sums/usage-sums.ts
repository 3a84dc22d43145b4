import type { AttoUsd } from '../../../platform/money.ts';

/** Sums of usage. Counts are whole numbers, cost is exact; events without a known cost add nothing to it. */
export interface UsageSums {
  requests: number;
  inputTokens: number;
  outputTokens: number;
  cacheReadTokens: number;
  cacheWriteTokens: number;
  reasoningTokens: number;
  cost: AttoUsd;
  unpricedRequests: number;
}

/** The columns that are summed, in the order of UsageSums. */
export const SUM_COLUMNS = [
  'requests',
  'input_tokens',
  'output_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
  'cost',
  'unpriced_requests',
] as const;

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
  total.inputTokens = addSaturating(total.inputTokens, part.inputTokens);
  total.outputTokens = addSaturating(total.outputTokens, part.outputTokens);
  total.cacheReadTokens = addSaturating(total.cacheReadTokens, part.cacheReadTokens);
  total.cacheWriteTokens = addSaturating(total.cacheWriteTokens, part.cacheWriteTokens);
  total.reasoningTokens = addSaturating(total.reasoningTokens, part.reasoningTokens);
  total.cost += part.cost;
  total.unpricedRequests = addSaturating(total.unpricedRequests, part.unpricedRequests);
}
