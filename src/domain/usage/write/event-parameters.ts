import { plainArray } from '../../../platform/postgres/array-literal.ts';
import {
  byteaArray,
  int2Array,
  int4Array,
  int8Array,
  jsonbArray,
  textArray,
  timeArray,
  uuidArray,
} from '../../../platform/postgres/binary-array.ts';
import type { CallParameter, Value } from '../../../platform/postgres/call.ts';
import { responseIdOf, type UsageEvent, type UsageRow } from '../event/usage-event.ts';

/** Rows, and their events in the same order. */
export interface EventList {
  rows: readonly UsageRow[];
  events: readonly UsageEvent[];
}

type ValueOf = (list: EventList) => Value;
type Encode<T> = (values: readonly (T | null)[]) => Value;

/** One element for each event. */
function each<T>(encode: (values: readonly T[]) => Value, read: (event: UsageEvent) => T): ValueOf {
  return ({ events }) => encode(events.map(read));
}

/** As {@link each}, of what a row says beside its event. */
function eachRow<T>(encode: (values: readonly T[]) => Value, read: (row: UsageRow) => T): ValueOf {
  return ({ rows }) => encode(rows.map(read));
}

/** Null where all values are null: the column is then made of nothing, and costs nothing. */
function unlessNull<T>(encode: Encode<T>): Encode<T> {
  return (values) => (values.every((value) => value === null) ? null : encode(values));
}

/** One element where all values are the same, which the function takes for all rows. */
function onceIfSame<T>(encode: Encode<T>): Encode<T> {
  return (values) => {
    const first = values[0] ?? null;
    if (values.some((value) => value !== first)) return encode(values);
    return first === null ? null : encode([first]);
  };
}

/** Null where all counts are 0, which is what the function takes a missing count for. */
function unlessZero(values: readonly number[]): Value {
  return values.every((value) => value === 0) ? null : int8Array(values);
}

function jsonOrNull(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}

/**
 * The lists of `record_usage` that have one element for each event. Most batches need few of them:
 * what is null, 0, usual or the same for all events is hardly sent.
 */
export const EVENT_PARAMETERS: readonly CallParameter<EventList>[] = [
  ['organization_ids', 'uuid[]', each(onceIfSame(uuidArray), (event) => event.organizationId)],
  ['ids', 'uuid[]', each(uuidArray, (event) => event.id)],
  ['event_ids', 'text[]', each(textArray, (event) => event.eventId)],
  ['body_hashes', 'bytea[]', eachRow(byteaArray, (row) => row.bodyHash)],
  ['times', 'timestamptz[]', each(timeArray, (event) => event.timeMs)],
  ['recorded_ats', 'timestamptz[]', each(onceIfSame(timeArray), (event) => event.recordedAtMs)],
  ['series_ids', 'int[]', eachRow(int4Array, (row) => row.seriesId)],
  [
    'request_counts',
    'smallint[]',
    ({ events }) =>
      events.every(({ requests }) => requests === 1) ? null : int2Array(events.map(({ requests }) => requests)),
  ],
  // Each count is read by name: a loop over USAGE_COUNTS would read all of them in one place of the
  // code, which V8 cannot make a plain load of.
  ['input_counts', 'bigint[]', each(int8Array, (event) => event.inputTokens)],
  ['output_counts', 'bigint[]', each(int8Array, (event) => event.outputTokens)],
  ['cache_read_counts', 'bigint[]', each(unlessZero, (event) => event.cacheReadTokens)],
  ['cache_write_counts', 'bigint[]', each(unlessZero, (event) => event.cacheWriteTokens)],
  ['cache_write_1h_counts', 'bigint[]', each(unlessZero, (event) => event.cacheWrite1hTokens)],
  ['reasoning_counts', 'bigint[]', each(unlessZero, (event) => event.reasoningTokens)],
  ['input_audio_counts', 'bigint[]', each(unlessZero, (event) => event.inputAudioTokens)],
  ['output_audio_counts', 'bigint[]', each(unlessZero, (event) => event.outputAudioTokens)],
  ['web_search_counts', 'bigint[]', each(unlessZero, (event) => event.webSearches)],
  ['costs', 'numeric[]', each(plainArray, (event) => event.cost)],
  [
    'computed_costs',
    'numeric[]',
    ({ events }) =>
      events.every(({ cost, computedCost }) => cost === computedCost)
        ? null
        : plainArray(events.map(({ computedCost }) => computedCost)),
  ],
  ['cost_sources', 'text[]', each(onceIfSame(textArray), (event) => event.costSource)],
  ['price_ids', 'uuid[]', each(onceIfSame(uuidArray), (event) => event.priceId)],
  ['unpriced_reasons', 'text[]', each(unlessNull(textArray), (event) => event.unpricedReason)],
  ['user_ids', 'text[]', each(onceIfSame(textArray), (event) => event.userId)],
  ['tag_objects', 'jsonb[]', eachRow(onceIfSame(jsonbArray), (row) => row.tagsText)],
  ['metadata_objects', 'jsonb[]', each(unlessNull(jsonbArray), (event) => jsonOrNull(event.metadata))],
  [
    'warning_lists',
    'jsonb[]',
    each(unlessNull(jsonbArray), ({ warnings }) => (warnings.length > 0 ? JSON.stringify(warnings) : null)),
  ],
  ['hold_ids', 'uuid[]', each(unlessNull(uuidArray), (event) => event.holdId)],
  ['voids_ids', 'uuid[]', each(unlessNull(uuidArray), (event) => event.voidsId)],
  ['void_reasons', 'text[]', each(unlessNull(textArray), (event) => event.voidReason)],
  ['response_ids', 'text[]', each(unlessNull(textArray), responseIdOf)],
  ['detail_objects', 'jsonb[]', each(unlessNull(jsonbArray), (event) => jsonOrNull(event.details))],
  ['adjusts_ids', 'uuid[]', each(unlessNull(uuidArray), (event) => event.adjustsId)],
  ['unpriced_changes', 'smallint[]', eachRow(unlessNull(int2Array), (row) => row.unpricedChange)],
];
