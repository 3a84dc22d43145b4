import { formatMoney } from '../../../platform/money.ts';
import { plainArray } from '../../../platform/postgres/array-literal.ts';
import { int4Array, int8Array, textArray, timeArray, uuidArray } from '../../../platform/postgres/binary-array.ts';
import type { CallParameter, Value } from '../../../platform/postgres/call.ts';
import { type CounterDelta, type CounterPlan, lowestThresholdAmount } from './match-counters.ts';

/** What knows which budget counters an event or a batch counts for. */
export interface Counted {
  plan: CounterPlan;
}

type ValueOf = (counted: Counted) => Value;

/** One element for each counter; null where there are none. */
function each<T>(encode: (values: readonly T[]) => Value, read: (counter: CounterDelta) => T): ValueOf {
  return ({ plan: { counters } }) => (counters.length === 0 ? null : encode(counters.map(read)));
}

/** One element for each pair of a set of counters and a counter in it. */
function eachPair(read: (pair: CounterPlan['pairs'][number]) => number): ValueOf {
  return ({ plan: { counters, pairs } }) => (counters.length === 0 ? null : int4Array(pairs.map(read)));
}

/** Which counters are meant, and what each grows by in its budget's unit. */
export const COUNTER_PARAMETERS: readonly CallParameter<Counted>[] = [
  ['counter_budgets', 'uuid[]', each(uuidArray, ({ key }) => key.budget.id)],
  ['counter_subjects', 'text[]', each(textArray, ({ key }) => key.subject)],
  ['counter_starts', 'timestamptz[]', each(timeArray, ({ key }) => key.startMs)],
  ['counter_ends', 'timestamptz[]', each(timeArray, ({ key }) => key.endMs)],
  ['counter_alarms', 'numeric[]', each(plainArray, ({ key }) => lowestThresholdAmount(key.budget))],
  ['counter_spents', 'numeric[]', each(plainArray, ({ spentAtto }) => formatMoney(spentAtto))],
];

/** What `record_usage` also needs to know of counters: which events each of them counts. */
export const BATCH_COUNTER_PARAMETERS: readonly CallParameter<Counted>[] = [
  [
    'set_numbers',
    'int[]',
    ({ plan: { counters, setNumbers } }) => (counters.length === 0 ? null : int4Array(setNumbers)),
  ],
  ['pair_sets', 'int[]', eachPair(({ set }) => set)],
  ['pair_counters', 'int[]', eachPair(({ counter }) => counter)],
  ['counter_organizations', 'uuid[]', each(uuidArray, ({ organizationId }) => organizationId)],
  ['counter_events', 'int[]', each(int4Array, ({ events }) => events)],
  ['counter_matches', 'bigint[]', each(int8Array, ({ matched }) => matched)],
];
