import { formatMoney } from '../../../platform/money.ts';
import { plainArray } from '../../../platform/postgres/array-literal.ts';
import { textArray, timeArray, uuidArray } from '../../../platform/postgres/binary-array.ts';
import type { Parameter } from './event-parameters.ts';
import { type CounterDelta, lowestThresholdAmount } from './match-counters.ts';

/** Of the columns that say which counters are meant: budget, subject, period start, period end, alarm. */
export const COUNTER_KEY_TYPES = ['uuid[]', 'text[]', 'timestamptz[]', 'timestamptz[]', 'numeric[]'] as const;

/** Which counters are meant, in the order of {@link COUNTER_KEY_TYPES}. */
export function counterKeys(counters: readonly CounterDelta[]): Parameter[] {
  return [
    uuidArray(counters.map(({ key }) => key.budget.id)),
    textArray(counters.map(({ key }) => key.subject)),
    timeArray(counters.map(({ key }) => key.startMs)),
    timeArray(counters.map(({ key }) => key.endMs)),
    plainArray(counters.map(({ key }) => lowestThresholdAmount(key.budget))),
  ];
}

/** What each counter grows by, in its budget's unit. */
export function counterSpents(counters: readonly CounterDelta[]): Parameter {
  return plainArray(counters.map(({ spentAtto }) => formatMoney(spentAtto)));
}
