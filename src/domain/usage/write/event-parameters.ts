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
import type { UsageEvent, UsageRow } from '../event/usage-event.ts';

/** A parameter of the driver's: a Buffer is sent in binary form. */
export type Parameter = Buffer | string | null;

/** The types of the columns, in the order of the function's parameters. */
export const EVENT_COLUMN_TYPES = [
  'uuid[]', // organization_id
  'uuid[]', // id
  'text[]', // event_id
  'bytea[]', // body_hash
  'timestamptz[]', // time
  'timestamptz[]', // recorded_at
  'int[]', // series_id
  'smallint[]', // requests
  'bigint[]', // input_tokens
  'bigint[]', // output_tokens
  'bigint[]', // cache_read_tokens
  'bigint[]', // cache_write_tokens
  'bigint[]', // cache_write_1h_tokens
  'bigint[]', // reasoning_tokens
  'bigint[]', // input_audio_tokens
  'bigint[]', // output_audio_tokens
  'bigint[]', // web_searches
  'numeric[]', // cost
  'numeric[]', // computed_cost
  'text[]', // cost_source
  'uuid[]', // price_id
  'text[]', // unpriced_reason
  'text[]', // user_id
  'jsonb[]', // tags
  'jsonb[]', // metadata
  'jsonb[]', // warnings
  'uuid[]', // hold_id
  'uuid[]', // voids_id
  'text[]', // void_reason
] as const;

type Encode<T> = (values: readonly (T | null)[]) => Parameter;

/** Null where all values are null: the column is then made of nothing, and costs nothing. */
function unlessNull<T>(values: readonly (T | null)[], encode: Encode<T>): Parameter {
  return values.every((value) => value === null) ? null : encode(values);
}

/** One element where all values are the same, which the function takes for all rows. */
function onceIfSame<T>(values: readonly (T | null)[], encode: Encode<T>): Parameter {
  const first = values[0] ?? null;
  if (values.some((value) => value !== first)) return encode(values);
  return first === null ? null : encode([first]);
}

/** Null where all counts are 0, which is what the function takes a missing count for. */
function unlessZero(values: readonly number[]): Parameter {
  return values.every((value) => value === 0) ? null : int8Array(values);
}

function jsonOrNull(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}

/** The columns of a batch. Most batches have few: what is null, 0, usual or the same for all of them is hardly sent. */
export function eventParameters(rows: readonly UsageRow[]): Parameter[] {
  const events = rows.map(({ event }) => event);
  const of = <T>(value: (event: UsageEvent) => T): T[] => events.map(value);
  const isComputed = events.every(({ cost, computedCost }) => cost === computedCost);
  return [
    onceIfSame(
      of((event) => event.organizationId),
      uuidArray,
    ),
    uuidArray(of((event) => event.id)),
    textArray(of((event) => event.eventId)),
    byteaArray(rows.map(({ bodyHash }) => bodyHash)),
    timeArray(of((event) => event.timeMs)),
    onceIfSame(
      of((event) => event.recordedAtMs),
      timeArray,
    ),
    int4Array(rows.map(({ seriesId }) => seriesId)),
    events.every(({ requests }) => requests === 1) ? null : int2Array(of((event) => event.requests)),
    int8Array(of((event) => event.inputTokens)),
    int8Array(of((event) => event.outputTokens)),
    unlessZero(of((event) => event.cacheReadTokens)),
    unlessZero(of((event) => event.cacheWriteTokens)),
    unlessZero(of((event) => event.cacheWrite1hTokens)),
    unlessZero(of((event) => event.reasoningTokens)),
    unlessZero(of((event) => event.inputAudioTokens)),
    unlessZero(of((event) => event.outputAudioTokens)),
    unlessZero(of((event) => event.webSearches)),
    plainArray(of((event) => event.cost)),
    isComputed ? null : plainArray(of((event) => event.computedCost)),
    onceIfSame(
      of((event) => event.costSource),
      textArray,
    ),
    onceIfSame(
      of((event) => event.priceId),
      uuidArray,
    ),
    unlessNull(
      of((event) => event.unpricedReason),
      textArray,
    ),
    onceIfSame(
      of((event) => event.userId),
      textArray,
    ),
    onceIfSame(
      rows.map(({ tagsText }) => tagsText),
      jsonbArray,
    ),
    unlessNull(
      of((event) => jsonOrNull(event.metadata)),
      jsonbArray,
    ),
    unlessNull(
      of(({ warnings }) => (warnings.length > 0 ? JSON.stringify(warnings) : null)),
      jsonbArray,
    ),
    unlessNull(
      of((event) => event.holdId),
      uuidArray,
    ),
    unlessNull(
      of((event) => event.voidsId),
      uuidArray,
    ),
    unlessNull(
      of((event) => event.voidReason),
      textArray,
    ),
  ];
}
