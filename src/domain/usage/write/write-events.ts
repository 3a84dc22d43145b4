import { invalidField } from '../../../platform/errors.ts';
import { int8Array, uuidArray } from '../../../platform/postgres/binary-array.ts';
import { defineCall } from '../../../platform/postgres/call.ts';
import type { Session } from '../../../platform/postgres/database.ts';
import { isUniqueViolation } from '../../../platform/postgres/unique-violation.ts';
import { DAY_MS } from '../../../platform/time.ts';
import { insufficientCredits } from '../../credits/insufficient-credits.ts';
import type { UsageRow } from '../event/usage-event.ts';
import { BATCH_COUNTER_PARAMETERS, COUNTER_PARAMETERS, type Counted } from './counter-parameters.ts';
import { EVENT_PARAMETERS, type EventList } from './event-parameters.ts';
import type { CounterPlan } from './match-counters.ts';
import { rollUpRows, rollUpSums } from './roll-up-rows.ts';
import { readStoredRow, type StoredEvent, type StoredRow } from './stored-event.ts';
import { SUM_PARAMETERS, type SumLists } from './sum-parameters.ts';
import { canGoAlone, needsFullWrite, writeLoneEvent } from './write-lone-event.ts';

/** What `record_usage` is called with. */
interface Recording extends EventList, SumLists, Counted {
  organizationIds: readonly string[];
  atMs: number;
  areNew: boolean;
}

/** Above every number, in PostgreSQL as well: no credits cover what nobody knows. */
const UNKNOWN_COST = 'NaN';

/** What must be there in credits, where the one event of a call requires that they cover it. */
function requiredCredits({ rows }: Recording): string | null {
  const row = rows.length === 1 ? rows[0] : undefined;
  return row?.requireCredits ? (row.event.cost ?? UNKNOWN_COST) : null;
}

export const RECORD_USAGE = defineCall<Recording>('record-usage', 'record_usage', [
  ['locked_organizations', 'uuid[]', ({ organizationIds }) => uuidArray(organizationIds)],
  ['known_budget_versions', 'bigint[]', ({ plan }) => int8Array(plan.versions)],
  ['at', 'timestamptz', ({ atMs }) => new Date(atMs).toISOString()],
  ['required_credits', 'numeric', requiredCredits],
  ['are_new', 'boolean', ({ areNew }) => areNew],
  ...EVENT_PARAMETERS,
  ...SUM_PARAMETERS,
  ...BATCH_COUNTER_PARAMETERS,
  ...COUNTER_PARAMETERS,
]);

/**
 * The organizations of a batch, sorted: two writers that lock several take them in the same order.
 */
export function organizationsOf(rows: readonly UsageRow[]): string[] {
  const sole = rows[0]?.event.organizationId;
  if (sole !== undefined && rows.every(({ event }) => event.organizationId === sole)) return [sole];
  return [...new Set(rows.map(({ event }) => event.organizationId))].sort();
}

/** SQLSTATE of `record_usage`: the list of budgets was not the newest; nothing was stored. */
const STALE_BUDGETS = 'MT001';
/**
 * The unique indexes of the ledger and of response ids. A row already stored by a transaction whose
 * reply was lost can violate each.
 */
const UNIQUE_INDEXES = ['usage_events_pkey', 'usage_events_organization_id_event_id_key', 'usage_responses_pkey'];
/** SQLSTATE of `record_usage`: credits that an event requires are not there; nothing was stored. */
const MISSING_CREDITS = 'MT002';

function hasState(error: unknown, state: string): error is Error & { detail?: string } {
  return error instanceof Error && 'code' in error && error.code === state;
}

/** Whether the writer must read its budgets again and repeat. */
export function isStaleBudgets(error: unknown): boolean {
  return hasState(error, STALE_BUDGETS);
}

/** Whether an event id or response id that was assumed new is stored already: then nothing was stored. */
export function isKnownId(error: unknown): boolean {
  return UNIQUE_INDEXES.some((index) => isUniqueViolation(error, index));
}

/** A refusal of the database as the error that callers receive; other errors as they are. */
export function explainRefusal(error: unknown): unknown {
  if (!hasState(error, MISSING_CREDITS)) return error;
  const { required, available }: { required: string; available: string } = JSON.parse(error.detail ?? '{}');
  if (required === UNKNOWN_COST) {
    return invalidField('cost', 'is required: this model has no known price, and the event requires credits');
  }
  return insufficientCredits(required, available);
}

/**
 * Writes events, their deduplication and every sum that hangs on them in one transaction: one call
 * of the database function `record_usage`, so one round trip. Safe to call again with the same rows
 * after a lost connection: a row that was stored by the first call is not distinguished from one
 * stored by the second.
 *
 * @param rows no event id twice, and no response id that is not known
 * @param areNew takes all ids for new, which spares the database a look for each; fails, with
 * nothing stored, where one is known all the same, see {@link isKnownId}
 * @param isInTransaction whether the session is in a transaction, which a refusal would end: then no
 * short way is tried
 * @returns by index of `rows`, those that were not stored because one of their ids was known
 */
export async function writeEvents(
  session: Pick<Session, 'query'>,
  rows: readonly UsageRow[],
  plan: CounterPlan,
  atMs: number,
  areNew = false,
  isInTransaction = false,
): Promise<Map<number, StoredEvent>> {
  const alone = rows.length === 1 ? rows[0] : undefined;
  if (alone && !isInTransaction && canGoAlone(alone)) {
    try {
      return readStored(await writeLoneEvent(session, alone, plan, atMs));
    } catch (error) {
      if (!needsFullWrite(error)) throw error;
    }
  }
  const organizationIds = organizationsOf(rows);
  const events = rows.map(({ event }) => event);
  const sums = rollUpRows(rows);
  const days = rollUpSums(sums, DAY_MS);
  const statement = RECORD_USAGE.statement({ rows, events, sums, days, plan, organizationIds, atMs, areNew });
  return readStored((await session.query<StoredRow>(statement)).rows);
}

function readStored(rows: readonly StoredRow[]): Map<number, StoredEvent> {
  return new Map(rows.map((row) => [row.ordinal - 1, readStoredRow(row)] as const));
}
