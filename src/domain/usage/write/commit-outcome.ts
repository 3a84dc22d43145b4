import { isCancelled, isConnectionLoss } from '../../../platform/postgres/database-errors.ts';
import type { UsageRow } from '../event/usage-event.ts';
import type { StoredEvent } from './stored-event.ts';

/**
 * What became of one event: `stored` is what one of its ids was already taken by, null where the event was
 * written; `failed` is why the database refused it.
 */
export type CommitOutcome = { stored: StoredEvent | null } | { failed: unknown };

export const CREATED: CommitOutcome = Object.freeze({ stored: null });

/** Whether the database can be asked nothing more just now. */
export function isLost(error: unknown): boolean {
  return isConnectionLoss(error) || isCancelled(error);
}

/**
 * The outcomes of all rows: one that repeats an earlier row of its own batch has that row before
 * it.
 */
export function withRepeats(
  all: readonly UsageRow[],
  rows: readonly UsageRow[],
  outcomes: readonly CommitOutcome[],
  repeats: ReadonlyMap<number, UsageRow>,
): CommitOutcome[] {
  const byRow = new Map(rows.map((row, index) => [row, outcomes[index] ?? CREATED]));
  return all.map((row, index) => {
    const first = repeats.get(index);
    const outcome = byRow.get(first ?? row) ?? CREATED;
    if (first === undefined || 'failed' in outcome) return outcome;
    // A copy: the first may be another caller's.
    if (outcome.stored !== null) return { stored: { ...outcome.stored } };
    return { stored: { id: first.event.id, bodyHash: first.bodyHash, cost: first.event.cost, isSameCall: false } };
  });
}
