import { formatMoney } from '../../../platform/money.ts';
import { plainArray } from '../../../platform/postgres/array-literal.ts';
import { int4Array, int8Array, timeArray, uuidArray } from '../../../platform/postgres/binary-array.ts';
import type { CallParameter, Value } from '../../../platform/postgres/call.ts';
import type { SeriesSum, SumCount } from './roll-up-rows.ts';

/** What rollups grow by. */
export interface SumLists {
  /** By quarter hour and series. */
  sums: readonly SeriesSum[];
  /** By UTC day and series. */
  days: readonly SeriesSum[];
}

function countArray(counts: readonly SumCount[]): Value {
  return counts.every((count) => typeof count === 'number') ? int8Array(counts) : plainArray(counts);
}

/** The lists of one rollup, whose names begin with `prefix`. */
function parametersOf(
  prefix: 'sum' | 'day',
  listOf: (lists: SumLists) => readonly SeriesSum[],
): CallParameter<SumLists>[] {
  const each =
    <T>(encode: (values: readonly T[]) => Value, read: (sum: SeriesSum) => T) =>
    (lists: SumLists) =>
      encode(listOf(lists).map(read));
  return [
    [`${prefix}_organizations`, 'uuid[]', each(uuidArray, (sum) => sum.organizationId)],
    [`${prefix}_buckets`, 'timestamptz[]', each(timeArray, (sum) => sum.bucketMs)],
    [`${prefix}_series`, 'int[]', each(int4Array, (sum) => sum.seriesId)],
    [`${prefix}_requests`, 'bigint[]', each(countArray, (sum) => sum.requests)],
    [`${prefix}_inputs`, 'bigint[]', each(countArray, (sum) => sum.inputTokens)],
    [`${prefix}_outputs`, 'bigint[]', each(countArray, (sum) => sum.outputTokens)],
    [`${prefix}_cache_reads`, 'bigint[]', each(countArray, (sum) => sum.cacheReadTokens)],
    [`${prefix}_cache_writes`, 'bigint[]', each(countArray, (sum) => sum.cacheWriteTokens)],
    [`${prefix}_reasonings`, 'bigint[]', each(countArray, (sum) => sum.reasoningTokens)],
    [`${prefix}_costs`, 'numeric[]', each(plainArray, (sum) => formatMoney(sum.costAtto))],
    [`${prefix}_unpriced`, 'bigint[]', each(countArray, (sum) => sum.unpricedRequests)],
  ];
}

/** The lists of `record_usage` that its rollups grow by; by quarter hour also of how many rows. */
export const SUM_PARAMETERS: readonly CallParameter<SumLists>[] = [
  ...parametersOf('sum', ({ sums }) => sums),
  ['sum_events', 'int[]', ({ sums }) => int4Array(sums.map(({ events }) => events))],
  ...parametersOf('day', ({ days }) => days),
];
