import { plainArray } from '../../platform/array-literal.ts';
import {
  byteaArray,
  int2Array,
  int4Array,
  int8Array,
  jsonbArray,
  textArray,
  timeArray,
  uuidArray,
} from '../../platform/binary-array.ts';
import type { Sql } from '../../platform/database.ts';
import { insufficientCredits } from '../credits/insufficient-credits.ts';
import type { CountingPlan } from './plan-counting.ts';
import type { UsageEvent, UsageRow } from './usage-event.ts';
import { readMoney } from './usage-event-row.ts';
import { isNotPlain, isPlain, writeOne } from './write-one.ts';

/** An event that was not stored, since its id was known: what was stored under that id before. */
export interface KnownEvent {
  id: string;
  bodyHash: Uint8Array;
  cost: string | null;
}

/** A row of the answer of `record_usage` and `record_one`: what is stored under a known id. */
export interface ConflictRow {
  ordinal: number;
  id: string;
  body_hash: Buffer;
  cost: string | null;
}

const COLUMNS = [
  'uuid[]', // organizations to lock
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
  'timestamptz', // at
  'bigint[]', // budget versions, by locked organization
  'int[]', // set of counters, by event
  'int[]', // pairs of a set and a counter: set
  'uuid[]', // organization
  'uuid[]', // budget
  'text[]', // subject
  'timestamptz[]', // period start
  'timestamptz[]', // period end
  'numeric', // credits that must be there
];
const CALL = `SELECT * FROM record_usage(${COLUMNS.map((type, i) => `$${i + 1}::${type}`).join(', ')})`;

type Parameter = Buffer | string | null;

/** Null where all values are null: the column is then made of nothing, and costs nothing. */
function unlessNull<T>(values: readonly (T | null)[], encode: (values: readonly (T | null)[]) => Parameter): Parameter {
  return values.every((value) => value === null) ? null : encode(values);
}

/** Null where all counts are 0, which is what the function takes a missing count for. */
function unlessZero(values: readonly number[]): Parameter {
  return values.every((value) => value === 0) ? null : int8Array(values);
}

function tagsJson(tags: object): string | null {
  for (const _ in tags) return JSON.stringify(tags);
  return null;
}

function jsonOrNull(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}

/** The columns of a batch. Most batches have few: what is null, 0 or usual for all of them is not sent. */
function eventParameters(rows: readonly UsageRow[], organizationIds: readonly string[]): Parameter[] {
  const events = rows.map(({ event }) => event);
  const of = <T>(value: (event: UsageEvent) => T): T[] => events.map(value);
  const isComputed = events.every(({ cost, computedCost }) => cost === computedCost);
  return [
    uuidArray(organizationIds),
    uuidArray(of((event) => event.organizationId)),
    uuidArray(of((event) => event.id)),
    textArray(of((event) => event.eventId)),
    byteaArray(rows.map(({ bodyHash }) => bodyHash)),
    timeArray(of((event) => event.timeMs)),
    timeArray(of((event) => event.recordedAtMs)),
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
    textArray(of((event) => event.costSource)),
    uuidArray(of((event) => event.priceId)),
    unlessNull(
      of((event) => event.unpricedReason),
      textArray,
    ),
    unlessNull(
      of((event) => event.userId),
      textArray,
    ),
    unlessNull(
      of((event) => tagsJson(event.tags)),
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

function planParameters({ versions, setNumbers, pairs }: CountingPlan): Parameter[] {
  return [
    int8Array(versions),
    pairs.length === 0 ? null : int4Array(setNumbers),
    int4Array(pairs.map(({ set }) => set)),
    uuidArray(pairs.map(({ organizationId }) => organizationId)),
    uuidArray(pairs.map(({ key }) => key.budget.id)),
    textArray(pairs.map(({ key }) => key.subject)),
    timeArray(pairs.map(({ key }) => key.startMs)),
    timeArray(pairs.map(({ key }) => key.endMs)),
  ];
}

/** The organizations of a batch, sorted: two writers that lock several take them in the same order. */
export function organizationsOf(rows: readonly UsageRow[]): string[] {
  return [...new Set(rows.map(({ event }) => event.organizationId))].sort();
}

/** SQLSTATE of `record_usage`: the list of budgets was not the newest; nothing was stored. */
const STALE_BUDGETS = 'MT001';
/** SQLSTATE of `record_usage`: credits that an event requires are not there; nothing was stored. */
const MISSING_CREDITS = 'MT002';

function hasState(error: unknown, state: string): error is Error & { detail?: string } {
  return error instanceof Error && 'code' in error && error.code === state;
}

/** Whether the writer must read its budgets again and repeat. */
export function isStaleBudgets(error: unknown): boolean {
  return hasState(error, STALE_BUDGETS);
}

/** What the database refused, as callers are told; other errors as they are. */
export function explainRefusal(error: unknown): unknown {
  if (!hasState(error, MISSING_CREDITS)) return error;
  const { required, available }: { required: string; available: string } = JSON.parse(error.detail ?? '{}');
  return insufficientCredits(required, available);
}

/**
 * Writes events, their deduplication and every sum that hangs on them in one transaction: one call of the database
 * function `record_usage`, so one round trip. Safe to call again with the same rows after a lost connection: a row
 * that was stored by the first call is not told from one stored by the second.
 *
 * @returns by index of `rows`, those that were not stored because their event id was known
 */
export async function writeUsage(
  sql: Sql,
  rows: readonly UsageRow[],
  plan: CountingPlan,
  atMs: number,
): Promise<Map<number, KnownEvent>> {
  const alone = rows.length === 1 ? rows[0] : undefined;
  if (alone && isPlain(alone, plan)) {
    try {
      return readKnown(await writeOne(sql, alone, plan));
    } catch (error) {
      if (!isNotPlain(error)) throw error;
    }
  }
  const values = [
    ...eventParameters(rows, organizationsOf(rows)),
    new Date(atMs).toISOString(),
    ...planParameters(plan),
    alone?.requireCredits ? (alone.event.cost ?? '0') : null,
  ];
  const result = await sql.query<ConflictRow>({ name: 'record-usage', text: CALL, values });
  return readKnown(result.rows);
}

function readKnown(rows: readonly ConflictRow[]): Map<number, KnownEvent> {
  return new Map(
    rows.map(({ ordinal, id, body_hash: bodyHash, cost }) => {
      return [ordinal - 1, { id, bodyHash, cost: readMoney(cost) }] as const;
    }),
  );
}
