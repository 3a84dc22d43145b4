import type { Session, Statement } from '../../../platform/postgres/database.ts';
import type { UsageRow } from '../event/usage-event.ts';
import { COUNTER_KEY_TYPES, counterKeys, counterSpents } from './counter-parameters.ts';
import type { CounterPlan } from './match-counters.ts';
import type { StoredRow } from './stored-event.ts';

const TYPES = [
  'uuid', // organization_id
  'uuid', // id
  'text', // event_id
  'bytea', // body_hash
  'timestamptz', // time
  'timestamptz', // recorded_at
  'int', // series_id
  'bigint', // input_tokens
  'bigint', // output_tokens
  'bigint', // cache_read_tokens
  'bigint', // cache_write_tokens
  'bigint', // cache_write_1h_tokens
  'bigint', // reasoning_tokens
  'bigint', // input_audio_tokens
  'bigint', // output_audio_tokens
  'bigint', // web_searches
  'numeric', // cost
  'numeric', // computed_cost
  'text', // cost_source
  'uuid', // price_id
  'text', // unpriced_reason
  'text', // user_id
  'jsonb', // tags
  'jsonb', // metadata
  'jsonb', // warnings
  'bigint', // budget version
];
const COUNTER_TYPES = [
  'timestamptz', // at
  ...COUNTER_KEY_TYPES,
  'numeric[]', // spent
];

function statement(name: string, types: readonly string[]): Omit<Statement, 'values'> {
  return { name, text: `SELECT * FROM record_one(${types.map((type, i) => `$${i + 1}::${type}`).join(', ')})` };
}

const RECORD = statement('record-one', TYPES);
const RECORD_COUNTED = statement('record-one-counted', [...TYPES, ...COUNTER_TYPES]);
/** SQLSTATE of `record_one`: the event is not plain enough for it; nothing was stored. */
const NEEDS_FULL_WRITE = 'MT003';

/** Whether the general way must be taken after all. */
export function needsFullWrite(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === NEEDS_FULL_WRITE;
}

/** Whether a row can go the short way: alone, and nothing hangs on it but sums and budgets. */
export function canGoAlone({ event, requireCredits }: UsageRow): boolean {
  return !requireCredits && event.requests === 1 && event.holdId === null;
}

function json(value: unknown, isEmpty: boolean): string | null {
  return isEmpty ? null : JSON.stringify(value);
}

/** Writes one plain event, as `writeEvents` writes many: one round trip, one transaction, safe to send again. */
export async function writeLoneEvent(
  session: Pick<Session, 'query'>,
  { event, seriesId, bodyHash, tagsText }: UsageRow,
  plan: CounterPlan,
  atMs: number,
) {
  const values: unknown[] = [
    event.organizationId,
    event.id,
    event.eventId,
    Buffer.from(bodyHash, 'latin1'),
    new Date(event.timeMs).toISOString(),
    new Date(event.recordedAtMs).toISOString(),
    seriesId,
    event.inputTokens,
    event.outputTokens,
    event.cacheReadTokens,
    event.cacheWriteTokens,
    event.cacheWrite1hTokens,
    event.reasoningTokens,
    event.inputAudioTokens,
    event.outputAudioTokens,
    event.webSearches,
    event.cost,
    event.computedCost,
    event.costSource,
    event.priceId,
    event.unpricedReason,
    event.userId,
    tagsText,
    json(event.metadata, event.metadata === null),
    json(event.warnings, event.warnings.length === 0),
    plan.versions[0],
  ];
  const isCounted = plan.counters.length > 0;
  if (isCounted) values.push(new Date(atMs).toISOString(), ...counterKeys(plan.counters), counterSpents(plan.counters));
  const { rows } = await session.query<StoredRow>({ ...(isCounted ? RECORD_COUNTED : RECORD), values });
  return rows;
}
