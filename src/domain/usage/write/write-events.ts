import { formatMoney, plainDecimal } from '../../../platform/money.ts';
import { plainArray } from '../../../platform/postgres/array-literal.ts';
import { int4Array, int8Array, timeArray, uuidArray } from '../../../platform/postgres/binary-array.ts';
import type { Session } from '../../../platform/postgres/database.ts';
import { isUniqueViolation } from '../../../platform/postgres/unique-violation.ts';
import { DAY_MS } from '../../../platform/time.ts';
import { insufficientCredits } from '../../credits/insufficient-credits.ts';
import type { UsageRow } from '../event/usage-event.ts';
import { COUNTER_KEY_TYPES, counterKeys, counterSpents } from './counter-parameters.ts';
import { EVENT_COLUMN_TYPES, eventParameters, type Parameter } from './event-parameters.ts';
import type { CounterPlan } from './match-counters.ts';
import { type Count, rollUpRows, rollUpSums, type SeriesSum } from './roll-up-rows.ts';
import type { StoredEvent, StoredRow } from './stored-event.ts';
import { canGoAlone, needsFullWrite, writeLoneEvent } from './write-lone-event.ts';

const ROWS_AT = 3;
const DAY_TYPES = [
  'uuid[]', // organization
  'timestamptz[]', // bucket
  'int[]', // series
  'bigint[]', // requests
  'bigint[]', // input_tokens
  'bigint[]', // output_tokens
  'bigint[]', // cache_read_tokens
  'bigint[]', // cache_write_tokens
  'bigint[]', // reasoning_tokens
  'numeric[]', // cost
  'bigint[]', // unpriced_requests
];
/** As days, and how many rows each sum has. */
const SUM_TYPES = DAY_TYPES.toSpliced(ROWS_AT, 0, 'int[]');
const COUNTER_TYPES = [
  'int[]', // set of counters, by event
  'int[]', // pairs of a set and a counter: set
  'int[]', // counter
  'uuid[]', // organization
  ...COUNTER_KEY_TYPES,
  'int[]', // rows
  'numeric[]', // spent
  'bigint[]', // matched_events
];
const TYPES = [
  'uuid[]', // organizations to lock
  'bigint[]', // their budget versions
  'timestamptz', // at
  'numeric', // credits that must be there
  'boolean', // whether event ids are taken for new
  ...EVENT_COLUMN_TYPES,
  ...SUM_TYPES,
  ...DAY_TYPES,
  ...COUNTER_TYPES,
];
const CALL = `SELECT * FROM record_usage(${TYPES.map((type, i) => `$${i + 1}::${type}`).join(', ')})`;

function countArray(counts: readonly Count[]): Parameter {
  return counts.every((count) => typeof count === 'number') ? int8Array(counts) : plainArray(counts);
}

function dayParameters(sums: readonly SeriesSum[]): Parameter[] {
  const of = (value: (sum: SeriesSum) => Count) => countArray(sums.map(value));
  return [
    uuidArray(sums.map(({ organizationId }) => organizationId)),
    timeArray(sums.map(({ bucketMs }) => bucketMs)),
    int4Array(sums.map(({ seriesId }) => seriesId)),
    of((sum) => sum.requests),
    of((sum) => sum.inputTokens),
    of((sum) => sum.outputTokens),
    of((sum) => sum.cacheReadTokens),
    of((sum) => sum.cacheWriteTokens),
    of((sum) => sum.reasoningTokens),
    plainArray(sums.map(({ costAtto }) => formatMoney(costAtto))),
    of((sum) => sum.unpricedRequests),
  ];
}

function sumParameters(rows: readonly UsageRow[]): Parameter[] {
  const sums = rollUpRows(rows);
  const events = int4Array(sums.map((sum) => sum.events));
  return [...dayParameters(sums).toSpliced(ROWS_AT, 0, events), ...dayParameters(rollUpSums(sums, DAY_MS))];
}

const NO_COUNTERS: Parameter[] = COUNTER_TYPES.map(() => null);

function counterParameters({ setNumbers, pairs, counters }: CounterPlan): Parameter[] {
  if (counters.length === 0) return NO_COUNTERS;
  return [
    int4Array(setNumbers),
    int4Array(pairs.map(({ set }) => set)),
    int4Array(pairs.map(({ counter }) => counter)),
    uuidArray(counters.map(({ organizationId }) => organizationId)),
    ...counterKeys(counters),
    int4Array(counters.map(({ events }) => events)),
    counterSpents(counters),
    int8Array(counters.map(({ matched }) => matched)),
  ];
}

/** The organizations of a batch, sorted: two writers that lock several take them in the same order. */
export function organizationsOf(rows: readonly UsageRow[]): string[] {
  const sole = rows[0]?.event.organizationId;
  if (sole !== undefined && rows.every(({ event }) => event.organizationId === sole)) return [sole];
  return [...new Set(rows.map(({ event }) => event.organizationId))].sort();
}

/** SQLSTATE of `record_usage`: the list of budgets was not the newest; nothing was stored. */
const STALE_BUDGETS = 'MT001';
/** Of the ledger. An event that was stored by a transaction of which the answer was lost is met by either. */
const UNIQUE_INDEXES = ['usage_events_pkey', 'usage_events_organization_id_event_id_key'];
/** SQLSTATE of `record_usage`: credits that an event requires are not there; nothing was stored. */
const MISSING_CREDITS = 'MT002';

function hasState(error: unknown, state: string): error is Error & { detail?: string } {
  return error instanceof Error && 'code' in error && error.code === state;
}

/** Whether the writer must read its budgets again and repeat. */
export function isStaleBudgets(error: unknown): boolean {
  return hasState(error, STALE_BUDGETS);
}

/** Whether an event id was known that was taken for new: nothing was stored. */
export function isKnownId(error: unknown): boolean {
  return UNIQUE_INDEXES.some((index) => isUniqueViolation(error, index));
}

/** What the database refused, as callers are told; other errors as they are. */
export function explainRefusal(error: unknown): unknown {
  if (!hasState(error, MISSING_CREDITS)) return error;
  const { required, available }: { required: string; available: string } = JSON.parse(error.detail ?? '{}');
  return insufficientCredits(required, available);
}

/**
 * Leaves out what comes again in one batch: of rows with one event id the first is stored, and is what the others
 * repeat. A null says that no row does.
 */
export function findRepeats(rows: readonly UsageRow[]): Map<number, UsageRow> | null {
  const repeats = new Map<number, UsageRow>();
  const firsts = new Map<string, UsageRow>();
  const sole = rows[0]?.event.organizationId;
  const isSole = rows.every(({ event }) => event.organizationId === sole);
  rows.forEach((row, index) => {
    const { organizationId, eventId } = row.event;
    const name = isSole ? eventId : organizationId + eventId;
    const first = firsts.get(name);
    if (first === undefined) firsts.set(name, row);
    else repeats.set(index, first);
  });
  return repeats.size === 0 ? null : repeats;
}

/**
 * Writes events, their deduplication and every sum that hangs on them in one transaction: one call of the database
 * function `record_usage`, so one round trip. Safe to call again with the same rows after a lost connection: a row
 * that was stored by the first call is not told from one stored by the second.
 *
 * @param rows no event id twice
 * @param areNew takes all event ids for new, which spares the database a look for each; fails, with nothing stored,
 * where one is known all the same, see {@link isKnownId}
 * @returns by index of `rows`, those that were not stored because their event id was known
 */
export async function writeEvents(
  session: Pick<Session, 'query'>,
  rows: readonly UsageRow[],
  plan: CounterPlan,
  atMs: number,
  areNew = false,
): Promise<Map<number, StoredEvent>> {
  const alone = rows.length === 1 ? rows[0] : undefined;
  if (alone && canGoAlone(alone)) {
    try {
      return readKnown(await writeLoneEvent(session, alone, plan, atMs));
    } catch (error) {
      if (!needsFullWrite(error)) throw error;
    }
  }
  const values = [
    uuidArray(organizationsOf(rows)),
    int8Array(plan.versions),
    new Date(atMs).toISOString(),
    alone?.requireCredits ? (alone.event.cost ?? '0') : null,
    areNew,
    ...eventParameters(rows),
    ...sumParameters(rows),
    ...counterParameters(plan),
  ];
  const result = await session.query<StoredRow>({ name: 'record-usage', text: CALL, values });
  return readKnown(result.rows);
}

function readKnown(rows: readonly StoredRow[]): Map<number, StoredEvent> {
  return new Map(
    rows.map(({ ordinal, id, body_hash: hash, cost }) => {
      return [ordinal - 1, { id, bodyHash: hash.toString('latin1'), cost: plainDecimal(cost) }] as const;
    }),
  );
}
