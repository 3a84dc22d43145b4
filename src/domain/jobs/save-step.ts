import { formatMoney } from '../../platform/money.ts';
import type { Sql } from '../../platform/postgres/database.ts';
import type { CostChanges } from './cost-changes.ts';
import { type HeldJob, JobLost, LEASE_SECONDS } from './job-lease.ts';

const LOOK = {
  name: 'job-place',
  text: 'SELECT place, holder, status FROM jobs WHERE organization_id = $1 AND id = $2 FOR UPDATE',
};
const SAVE = {
  name: 'save-job-step',
  text: `
    WITH added AS (
      INSERT INTO job_sums AS s (organization_id, job_id, day, provider, model, events, cost_before, cost_after)
      SELECT $1, $2, * FROM unnest($9::date[], $10::text[], $11::text[], $12::bigint[], $13::numeric[], $14::numeric[])
      ON CONFLICT (organization_id, job_id, day, provider, model) DO UPDATE SET
        events = s.events + excluded.events, cost_before = s.cost_before + excluded.cost_before,
        cost_after = s.cost_after + excluded.cost_after)
    UPDATE jobs SET place = $3, done = done + $4, changed = changed + $5, cost_before = cost_before + $6::numeric,
           cost_after = cost_after + $7::numeric, revision = revision + 1, failures = 0,
           held_until = now() + make_interval(secs => $8)
     WHERE organization_id = $1 AND id = $2`,
};

/**
 * Locks the job in the transaction of a step, and looks whether the step is to be done: from the place that
 * this process believes the job to be at, to `place`.
 * @returns false where it is done: the transaction was committed before, and its answer was lost
 * @throws JobLost where another process has the job
 */
export async function beginStep(sql: Sql, { organizationId, id, holder, place: from }: HeldJob, place: string) {
  const { rows } = await sql.query<{ place: string | null; holder: string | null; status: string }>({
    ...LOOK,
    values: [organizationId, id],
  });
  const [row] = rows;
  if (row?.holder !== holder || row.status !== 'running') throw new JobLost('another process has the job');
  if (row.place === place) return false;
  if (row.place !== from) throw new JobLost('the job is at another place');
  return true;
}

/** Adds to a job what a step has found and done, in the step's transaction, and moves it to `place`. */
export async function saveStep(sql: Sql, job: HeldJob, place: string, changes: CostChanges): Promise<void> {
  const { organizationId, id } = job;
  const { events, changed, costBefore, costAfter } = changes;
  const groups = [...changes.groups.values()];
  await sql.query({
    ...SAVE,
    values: [
      ...[organizationId, id, place, events, changed, formatMoney(costBefore), formatMoney(costAfter), LEASE_SECONDS],
      groups.map(({ day }) => day),
      groups.map(({ provider }) => provider),
      groups.map(({ model }) => model),
      groups.map((group) => group.events),
      groups.map((group) => formatMoney(group.costBefore)),
      groups.map((group) => formatMoney(group.costAfter)),
    ],
  });
}
