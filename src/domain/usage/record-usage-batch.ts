import { AppError, createErrorRoom, invalidField } from '../../platform/errors.ts';
import type { Caller } from '../access/caller.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import { hideBalance } from '../credits/insufficient-credits.ts';
import { USAGE_LIMITS } from '../input/limits.ts';
import { addCostChanges } from './adjust/mark-corrected.ts';
import type { UsageRow } from './event/usage-event.ts';
import type { UsageInput } from './event/usage-input.ts';
import { findVisible } from './find-usage-event.ts';
import { prepareUsage } from './prepare/prepare-usage.ts';
import { idempotencyConflict, isRepeat } from './record-usage.ts';
import { type CommitOutcome, isLost } from './write/commit-outcome.ts';

export const BATCH_STATUSES = ['created', 'duplicate', 'conflict', 'invalid'] as const;
export type BatchStatus = (typeof BATCH_STATUSES)[number];

/** What became of one event of a batch. `id` is a UUID, `cost` a decimal string. */
export interface BatchItem {
  index: number;
  status: BatchStatus;
  id: string | null;
  cost: string | null;
  error: AppError | null;
}

export interface BatchResult {
  items: BatchItem[];
  created: number;
  duplicates: number;
  conflicts: number;
  invalid: number;
}

function explainFailure(failed: unknown): AppError {
  if (failed instanceof AppError) return failed;
  if (!isLost(failed)) return new AppError('internal_error', 'The database refused this event.', { cause: failed });
  const message = 'The database was lost before this event was stored; send it again.';
  return new AppError('unavailable', message, { cause: failed });
}

function describeOutcome(
  caller: Caller,
  index: number,
  row: UsageRow,
  outcome: CommitOutcome | undefined,
  isHidden: boolean,
): BatchItem {
  const { event } = row;
  if (!outcome) throw new Error('one row in, one outcome out');
  if ('failed' in outcome) {
    const failed = hideBalance(caller, outcome.failed);
    return { index, status: 'invalid', id: null, cost: null, error: explainFailure(failed) };
  }
  const { stored } = outcome;
  if (stored === null) return { index, status: 'created', id: event.id, cost: event.cost, error: null };
  if (isRepeat(row, stored)) {
    const { cost } = isHidden ? event : stored;
    return { index, status: 'duplicate', id: stored.id, cost, error: null };
  }
  const error = idempotencyConflict(event.eventId, stored);
  return { index, status: 'conflict', id: stored.id, cost: null, error };
}

/**
 * Repeats of calls whose first record the caller may not see, or that retention has removed, so that
 * its team is not known. What has the same body is of the same team.
 */
async function findHidden(
  context: Context,
  rows: readonly UsageRow[],
  outcomes: readonly CommitOutcome[],
): Promise<ReadonlySet<UsageRow>> {
  const hidden = new Map<UsageRow, string>();
  if (context.caller.teamId === null) return new Set();
  for (const [index, outcome] of outcomes.entries()) {
    const row = rows[index];
    if (!row || 'failed' in outcome || !outcome.stored?.isSameCall) continue;
    if (outcome.stored.bodyHash !== row.bodyHash) hidden.set(row, outcome.stored.id);
  }
  const visible = await findVisible(context, [...hidden.values()]);
  return new Set([...hidden].flatMap(([row, id]) => (visible.has(id) ? [] : [row])));
}

function countStatuses(items: BatchItem[]): BatchResult {
  const result: BatchResult = { items, created: 0, duplicates: 0, conflicts: 0, invalid: 0 };
  for (const { status } of items) {
    if (status === 'created') result.created++;
    else if (status === 'duplicate') result.duplicates++;
    else if (status === 'conflict') result.conflicts++;
    else result.invalid++;
  }
  return result;
}

/**
 * Records up to 1,000 events in one transaction. Good ones are stored, bad ones named; the answer
 * keeps their order.
 * @throws AppError invalid_request when the batch itself is empty or too large,
 * insufficient_permissions, unavailable
 */
export async function recordUsageBatch(context: Context, inputs: readonly UsageInput[]): Promise<BatchResult> {
  requireScope(context.caller, 'usage:write');
  if (inputs.length > USAGE_LIMITS.batchEvents) {
    throw invalidField('events', `must hold at most ${USAGE_LIMITS.batchEvents} events`);
  }
  const prepared = await prepareUsage(context, inputs);
  const rows = prepared.flatMap((one) => ('row' in one ? [one.row] : []));
  const outcomes = await context.resources.usage.commit(rows);
  const met = outcomes.flatMap((one) => ('stored' in one && one.stored !== null ? [one.stored] : []));
  await addCostChanges(context.resources.database.pool, context.caller.organization.id, met);
  const hidden = await findHidden(context, rows, outcomes);
  let next = 0;
  const items = prepared.map((one, index): BatchItem => {
    if ('error' in one) return { index, status: 'invalid', id: null, cost: null, error: one.error };
    return describeOutcome(context.caller, index, one.row, outcomes[next++], hidden.has(one.row));
  });
  boundErrors(items);
  return countStatuses(items);
}

/** A thousand refused events, each with twenty problems, would be a large answer. */
function boundErrors(items: readonly BatchItem[]): void {
  const bound = createErrorRoom();
  for (const item of items) {
    const { error } = item;
    if (error === null) continue;
    const bounded = bound(error);
    if (bounded !== error) item.error = new AppError(error.code, bounded.message);
  }
}
