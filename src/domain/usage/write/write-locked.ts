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
}

async function renewRows(sql: Sql, rows: readonly UsageRow[]): Promise<readonly UsageRow[]> {
  const renewed: UsageRow[] = [];
  for (const row of rows) renewed.push((await row.renew?.(sql)) ?? row);
  return renewed;
}

/**
 * Writes rows as `writeEvents` does, with the locks of their organizations taken first: nobody can
 * change their budgets, or what the rows depend on, between the look and the write. What a row brings along is written in the
 * same transaction, unless its event was stored before.
 */
export function writeLocked(
  { database, budgets, atMs, areNew }: LockedWrite,
  rows: readonly UsageRow[],
  organizationIds: readonly string[],
): Promise<Map<number, StoredEvent>> {
  return database.transaction(async (sql) => {
    await sql.query('SELECT lock_organizations($1)', [organizationIds]);
    const lists = await budgets.reloadLocked(sql, organizationIds);
    const renewed = await renewRows(sql, rows);
    const plan = matchCounters(lists, organizationIds, renewed);
    const stored = await writeEvents(sessionOf(sql), renewed, plan, atMs, areNew, true);
    for (const [index, { writeAlso }] of renewed.entries()) if (!stored.has(index)) await writeAlso?.(sql);
    return stored;
  });
}
