import { byteaArray, plainArray, textArray } from '../../platform/array-literal.ts';
import type { Sql } from '../../platform/database.ts';
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

function parametersOf(rows: readonly UsageRow[]): string[] {
  const plain = (value: (row: UsageRow) => string | number | null) => plainArray(rows.map(value));
  const text = (value: (row: UsageRow) => string | null) => textArray(rows.map(value));
  // Sorted: two writers that lock several organizations take them in the same order, so neither waits for the other.
  const organizationIds = [...new Set(rows.map(({ event }) => event.organizationId))].sort();
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

/**
 * Writes events, their deduplication and every sum that hangs on them in one transaction: one call of the database
 * function `record_usage`, so one round trip. Safe to call again with the same rows after a lost connection: a row
 * that was stored by the first call is not told from one stored by the second.
 *
 * @returns by index of `rows`, those that were not stored because their event id was known
 */
export async function writeUsage(sql: Sql, rows: readonly UsageRow[]): Promise<Map<number, KnownEvent>> {
  const result = await sql.query<ConflictRow>({ name: 'record-usage', text: CALL, values: parametersOf(rows) });
  return new Map(
    result.rows.map(({ ordinal, id, body_hash: bodyHash, cost }) => {
      return [ordinal - 1, { id, bodyHash, cost: readMoney(cost) }] as const;
    }),
  );
}
