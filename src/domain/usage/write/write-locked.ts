import { type Database, type Sql, sessionOf } from '../../../platform/postgres/database.ts';
import type { BudgetDirectory } from '../../budgets/budget-directory.ts';
import type { UsageRow } from '../event/usage-event.ts';
import { matchCounters } from './match-counters.ts';
import type { StoredEvent } from './stored-event.ts';
import { writeEvents } from './write-events.ts';

interface LockedWrite {
  database: Database;
  budgets: BudgetDirectory;
  atMs: number;
  areNew: boolean;
  /** Aborted: the transaction is rolled back. */
  signal?: AbortSignal;
}

/** Writes rows as `writeEvents` does, in a transaction that holds the locks already. */
export type WriteRows = (rows: readonly UsageRow[]) => Promise<Map<number, StoredEvent>>;

/**
 * Runs `work` in a transaction that takes the locks of organizations first: nobody can change their
 * budgets or their events between a look and a write.
 */
export function withLocks<T>(
  { database, budgets, atMs, areNew, signal }: LockedWrite,
  organizationIds: readonly string[],
  work: (sql: Sql, write: WriteRows) => Promise<T>,
): Promise<T> {
  async function run(sql: Sql): Promise<T> {
    await sql.query('SELECT lock_organizations($1)', [organizationIds]);
    const lists = await budgets.reloadLocked(sql, organizationIds);
    return work(sql, (rows) => {
      const plan = matchCounters(lists, organizationIds, rows);
      return writeEvents(sessionOf(sql), rows, plan, atMs, areNew, true);
    });
  }
  return database.transaction(run, { signal });
}

async function renewRows(sql: Sql, rows: readonly UsageRow[]): Promise<readonly UsageRow[]> {
  const renewed: UsageRow[] = [];
  for (const row of rows) renewed.push((await row.renew?.(sql)) ?? row);
  return renewed;
}

/**
 * Writes rows as `writeEvents` does, with the locks of their organizations taken first. What a row says
 * of others is made again then, and what it brings along is written in the same transaction, unless
 * its event was stored before.
 */
export function writeLocked(
  settings: LockedWrite,
  given: readonly UsageRow[],
  organizationIds: readonly string[],
): Promise<Map<number, StoredEvent>> {
  return withLocks(settings, organizationIds, async (sql, write) => {
    const rows = await renewRows(sql, given);
    const stored = await write(rows);
    for (const [index, { writeAlso }] of rows.entries()) if (!stored.has(index)) await writeAlso?.(sql);
    return stored;
  });
}
