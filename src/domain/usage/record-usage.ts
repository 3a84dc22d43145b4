import { AppError } from '../../platform/errors.ts';
import { formatId } from '../../platform/ids.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import { hideBalance } from '../credits/insufficient-credits.ts';
import { markCorrected } from './adjust/mark-corrected.ts';
import type { UsageEvent, UsageRow } from './event/usage-event.ts';
import type { UsageInput } from './event/usage-input.ts';
import { findUsageEvent } from './find-usage-event.ts';
import { prepareUsage } from './prepare/prepare-usage.ts';
import type { StoredEvent } from './write/stored-event.ts';

/** The event as it stands in the ledger, and whether an earlier request had put it there. */
export interface RecordedUsage {
  event: UsageEvent;
  duplicate: boolean;
}

/**
 * Whether an event repeats what is stored under one of its ids: it came with the same body, or it is
 * the same call. Else it is a conflict.
 */
export function isRepeat({ bodyHash }: UsageRow, stored: StoredEvent): boolean {
  return stored.isSameCall || bodyHash === stored.bodyHash;
}

/** The refusal of an event whose id was used before with another body. */
export function idempotencyConflict(eventId: string, stored: StoredEvent): AppError {
  return new AppError('idempotency_conflict', 'This event id was used before, with another body.', {
    details: { eventId, id: formatId('usageEvent', stored.id) },
  });
}

/** The first record of a repeated event; null where the caller may not see it, or it is gone. */
async function findFirst(context: Context, { id, event }: StoredEvent): Promise<UsageEvent | null> {
  if (event === undefined) return findUsageEvent(context, id);
  const { teamId } = context.caller;
  if (teamId !== null && teamId !== event.teamId) return null;
  await markCorrected(context.resources.database.pool, [event]);
  return event;
}

/**
 * Records one event: price, deduplication and every sum in one transaction, answered after its
 * commit.
 * @param whileStoring receives the event as it will be stored, once it is on its way to the
 * database: what is prepared then need not be prepared after the commit, and counts only if that
 * succeeds and the event is not a repeat
 * @throws AppError invalid_request, idempotency_conflict, insufficient_permissions, unavailable
 */
export async function recordUsage(
  context: Context,
  input: UsageInput,
  whileStoring?: (event: UsageEvent) => void,
): Promise<RecordedUsage> {
  requireScope(context.caller, 'usage:write');
  const preparing = prepareUsage(context, [input]);
  const [prepared] = Array.isArray(preparing) ? preparing : await preparing;
  if (!prepared) throw new Error('one event in, one answer out');
  if ('error' in prepared) throw prepared.error;
  const { row } = prepared;
  const storing = context.resources.usage.commit([row]);
  whileStoring?.(row.event);
  const [outcome] = await storing;
  if (!outcome || 'failed' in outcome)
    throw hideBalance(context.caller, outcome?.failed ?? new Error('one row in, one outcome out'));
  if (outcome.stored === null) return { event: row.event, duplicate: false };
  const { stored } = outcome;
  if (!isRepeat(row, stored)) throw idempotencyConflict(row.event.eventId, stored);
  const first = await findFirst(context, stored);
  if (first !== null) return { event: first, duplicate: true };
  // Retention has removed the first record, or it is not for the caller: the answer is the event as it
  // came, with what was kept of the first and may be seen.
  const { teamId } = context.caller;
  const cost = teamId === null || row.bodyHash === stored.bodyHash ? stored.cost : row.event.cost;
  return { event: { ...row.event, id: stored.id, cost }, duplicate: true };
}
