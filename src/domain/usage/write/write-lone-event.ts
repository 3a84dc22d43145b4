import { type CallParameter, defineCall } from '../../../platform/postgres/call.ts';
import type { Session } from '../../../platform/postgres/database.ts';
import { USAGE_COUNTS } from '../../pricing/price/usage-counts.ts';
import { responseIdOf, type UsageEvent, type UsageRow } from '../event/usage-event.ts';
import { COUNTER_PARAMETERS, type Counted } from './counter-parameters.ts';
import type { CounterPlan } from './match-counters.ts';
import type { StoredRow } from './stored-event.ts';

/** What `record_one` is called with. */
interface LoneRecording extends Counted {
  row: UsageRow;
  event: UsageEvent;
  atMs: number;
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

const PARAMETERS: readonly CallParameter<LoneRecording>[] = [
  ['organization', 'uuid', ({ event }) => event.organizationId],
  ['new_id', 'uuid', ({ event }) => event.id],
  ['new_event_id', 'text', ({ event }) => event.eventId],
  ['new_body_hash', 'bytea', ({ row }) => Buffer.from(row.bodyHash, 'latin1')],
  ['new_time', 'timestamptz', ({ event }) => iso(event.timeMs)],
  ['new_recorded_at', 'timestamptz', ({ event }) => iso(event.recordedAtMs)],
  ['new_series_id', 'int', ({ row }) => row.seriesId],
  ...USAGE_COUNTS.map(({ field, column }): CallParameter<LoneRecording> => {
    return [`new_${column}`, 'bigint', ({ event }) => event[field]];
  }),
  ['new_cost', 'numeric', ({ event }) => event.cost],
  ['new_computed_cost', 'numeric', ({ event }) => event.computedCost],
  ['new_cost_source', 'text', ({ event }) => event.costSource],
  ['new_price_id', 'uuid', ({ event }) => event.priceId],
  ['new_unpriced_reason', 'text', ({ event }) => event.unpricedReason],
  ['new_user_id', 'text', ({ event }) => event.userId],
  ['new_tags', 'jsonb', ({ row }) => row.tagsText],
  ['new_metadata', 'jsonb', ({ event }) => (event.metadata === null ? null : JSON.stringify(event.metadata))],
  ['new_warnings', 'jsonb', ({ event }) => (event.warnings.length === 0 ? null : JSON.stringify(event.warnings))],
  ['new_response_id', 'text', ({ event }) => responseIdOf(event)],
  ['new_details', 'jsonb', ({ event }) => (event.details === null ? null : JSON.stringify(event.details))],
  ['known_budget_version', 'bigint', ({ plan }) => plan.versions[0] ?? null],
];

export const RECORD_ONE = defineCall('record-one', 'record_one', PARAMETERS);
/** The same where budget counters count the event. */
export const RECORD_ONE_COUNTED = defineCall<LoneRecording>('record-one-counted', 'record_one', [
  ...PARAMETERS,
  ['at', 'timestamptz', ({ atMs }) => iso(atMs)],
  ...COUNTER_PARAMETERS,
]);
/** SQLSTATE of `record_one`: the event is not plain enough for it; nothing was stored. */
const NEEDS_FULL_WRITE = 'MT003';

/** Whether the general way must be taken after all. */
export function needsFullWrite(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === NEEDS_FULL_WRITE;
}

/** Whether a row can go the short way: alone, and nothing hangs on it but sums and budgets. */
export function canGoAlone({ event, requireCredits }: UsageRow): boolean {
  return !requireCredits && event.requests === 1 && event.holdId === null && event.adjustsId === null;
}

/**
 * Writes one plain event, as `writeEvents` writes many: one round trip, one transaction, safe to
 * send again.
 */
export async function writeLoneEvent(
  session: Pick<Session, 'query'>,
  row: UsageRow,
  plan: CounterPlan,
  atMs: number,
): Promise<StoredRow[]> {
  const call = plan.counters.length > 0 ? RECORD_ONE_COUNTED : RECORD_ONE;
  const { rows } = await session.query<StoredRow>(call.statement({ row, event: row.event, plan, atMs }));
  return rows;
}
