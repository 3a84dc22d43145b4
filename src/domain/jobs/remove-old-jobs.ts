import { uuidFloor } from '../../platform/ids.ts';
import type { Database } from '../../platform/postgres/database.ts';
import { DAY_MS } from '../../platform/time.ts';

export const REMOVE_JOBS_SCHEDULE = '27 * * * *';
const KEPT_MS = 90 * DAY_MS;
/** Jobs that one transaction removes: each has at most some ten thousand rows of sums. */
const STEP_JOBS = 10;

const STEP = `
  WITH old AS (
    SELECT organization_id, id FROM jobs WHERE id < $1 AND finished_at < $2 LIMIT $3),
  sums AS (
    DELETE FROM job_sums s USING old o WHERE s.organization_id = o.organization_id AND s.job_id = o.id)
  DELETE FROM jobs j USING old o WHERE j.organization_id = o.organization_id AND j.id = o.id`;

/**
 * Removes jobs that ended over 90 days ago; what they have changed stays. Safe to stop and start again
 * anywhere.
 * @param signal aborted: the step under way is rolled back, and the call rejects with its reason
 */
export async function removeOldJobs(database: Database, nowMs: number, signal?: AbortSignal): Promise<void> {
  const before = nowMs - KEPT_MS;
  for (;;) {
    const values = [uuidFloor(before), new Date(before), STEP_JOBS];
    const { rowCount } = await database.transaction((sql) => sql.query(STEP, values), { signal });
    if ((rowCount ?? 0) < STEP_JOBS) return;
  }
}
