import type { Database } from '../../platform/postgres/database.ts';
import type { Context } from '../context.ts';

/** When the job looks for raises that have run out: every minute. */
export const END_RAISES_SCHEDULE = '* * * * *';

const END = { name: 'end-raises', text: 'SELECT end_raises($1, $2)' };
const DUE = `
  SELECT DISTINCT organization_id FROM budgets
   WHERE raise_until <= $1 AND NOT raise_ended AND ended_at IS NULL AND deleted_at IS NULL`;

/**
 * Announces what the organization's raises uncover that have run out. Whoever shows budgets does
 * this first, so that the log agrees with what is shown, whether or not the job has run.
 */
export async function endRaises({ caller, resources }: Context): Promise<void> {
  const values = [caller.organization.id, new Date(resources.clock())];
  await resources.database.pool.query({ ...END, values });
}

/**
 * The same for every organization, for those whose budgets nobody reads. Each is a transaction of
 * its own; the database announces a raise's end once, whoever asks at the same moment.
 * @param signal aborted: the organizations that are left wait for the next time
 */
export async function endAllRaises(database: Database, nowMs: number, signal: AbortSignal): Promise<void> {
  const now = new Date(nowMs);
  const { rows } = await database.pool.query<{ organization_id: string }>(DUE, [now]);
  for (const { organization_id: id } of rows) {
    if (signal.aborted) return;
    await database.pool.query({ ...END, values: [id, now] });
  }
}
