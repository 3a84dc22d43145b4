import { byteaArray, plainArray, textArray } from '../../platform/array-literal.ts';
import type { Sql } from '../../platform/database.ts';
import { insufficientCredits } from '../credits/insufficient-credits.ts';
import type { CountingPlan } from './plan-counting.ts';
import type { UsageRow } from './usage-event.ts';
import { readMoney } from './usage-event-row.ts';

/** An event that was not stored, since its id was known: what was stored under that id before. */
export interface KnownEvent {
  id: string;
  bodyHash: Uint8Array;
  cost: string | null;
}

interface ConflictRow {
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

function isoTime(timeMs: number): string {
  return `"${new Date(timeMs).toISOString()}"`;
}

function jsonOrNull(value: unknown): string | null {
  return value === null || value === undefined ? null : JSON.stringify(value);
}

function tagsJson(tags: object): string | null {
  for (const _ in tags) return JSON.stringify(tags);
  return null;
}

function eventParameters(rows: readonly UsageRow[], organizationIds: readonly string[]): string[] {
  const plain = (value: (row: UsageRow) => string | number | null) => plainArray(rows.map(value));
  const text = (value: (row: UsageRow) => string | null) => textArray(rows.map(value));
  return [
    plainArray(organizationIds),
    plain(({ event }) => event.organizationId),
    plain(({ event }) => event.id),
    text(({ event }) => event.eventId),
    byteaArray(rows.map(({ bodyHash }) => bodyHash)),
    plain(({ event }) => isoTime(event.timeMs)),
    plain(({ event }) => isoTime(event.recordedAtMs)),
    plain(({ seriesId }) => seriesId),
    plain(({ event }) => event.requests),
    plain(({ event }) => event.inputTokens),
    plain(({ event }) => event.outputTokens),
    plain(({ event }) => event.cacheReadTokens),
    plain(({ event }) => event.cacheWriteTokens),
    plain(({ event }) => event.cacheWrite1hTokens),
    plain(({ event }) => event.reasoningTokens),
    plain(({ event }) => event.inputAudioTokens),
    plain(({ event }) => event.outputAudioTokens),
    plain(({ event }) => event.webSearches),
    plain(({ event }) => event.cost),
    plain(({ event }) => event.computedCost),
    plain(({ event }) => event.costSource),
    plain(({ event }) => event.priceId),
    plain(({ event }) => event.unpricedReason),
    text(({ event }) => event.userId),
    text(({ event }) => tagsJson(event.tags)),
    text(({ event }) => jsonOrNull(event.metadata)),
    text(({ event }) => (event.warnings.length > 0 ? JSON.stringify(event.warnings) : null)),
    plain(({ event }) => event.holdId),
    plain(({ event }) => event.voidsId),
    text(({ event }) => event.voidReason),
  ];
}

function planParameters({ versions, setNumbers, pairs }: CountingPlan): string[] {
  return [
    plainArray(versions),
    plainArray(setNumbers),
    plainArray(pairs.map(({ set }) => set)),
    plainArray(pairs.map(({ organizationId }) => organizationId)),
    plainArray(pairs.map(({ key }) => key.budget.id)),
    textArray(pairs.map(({ key }) => key.subject)),
    plainArray(pairs.map(({ key }) => isoTime(key.startMs))),
    plainArray(pairs.map(({ key }) => isoTime(key.endMs))),
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
  const values = [
    ...eventParameters(rows, organizationsOf(rows)),
    new Date(atMs).toISOString(),
    ...planParameters(plan),
    alone?.requireCredits ? (alone.event.cost ?? '0') : null,
  ];
  const result = await sql.query<ConflictRow>({ name: 'record-usage', text: CALL, values });
  return new Map(
    result.rows.map(({ ordinal, id, body_hash: bodyHash, cost }) => {
      return [ordinal - 1, { id, bodyHash, cost: readMoney(cost) }] as const;
    }),
  );
}
