import type { Sql } from '../../platform/postgres/database.ts';
import { JOB_COLUMNS, type JobInput, type JobKind, type JobRow } from './job.ts';

/**
 * How long the process that runs a job is waited for when it is silent. It renews its lease three times
 * in that time. The clock is the database's, which all processes share.
 */
export const LEASE_SECONDS = 10;

/** A job that this process runs. */
export interface HeldJob {
  organizationId: string;
  id: string;
  kind: JobKind;
  input: JobInput;
  /** The last id of the ledger that it has come to; null: it begins. */
  place: string | null;
  holder: string;
}

/** Another process has taken the job over: whatever this one was about to write is rolled back. */
export class JobLost extends Error {
  override readonly name = 'JobLost';
}

// One process finds a job in the moment in which another writes to it: it is left alone.
const CLAIM = `
  UPDATE jobs j SET status = 'running', holder = $1, held_until = now() + make_interval(secs => $2),
         started_at = coalesce(j.started_at, $3), revision = j.revision + 1
    FROM (SELECT organization_id, id FROM jobs
           WHERE status IN ('queued', 'running') AND (held_until IS NULL OR held_until < now())
           ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED) next
   WHERE j.organization_id = next.organization_id AND j.id = next.id RETURNING ${JOB_COLUMNS}`;
const HELD = `organization_id = $1 AND id = $2 AND holder = $3 AND status = 'running'`;
const RENEW = `UPDATE jobs SET held_until = now() + make_interval(secs => $4) WHERE ${HELD}`;
const RELEASE = `UPDATE jobs SET holder = NULL, held_until = now() + make_interval(secs => $4) WHERE ${HELD}`;
const COUNT_FAILURE = `UPDATE jobs SET failures = failures + 1 WHERE ${HELD} RETURNING failures`;
const FINISH = `
  UPDATE jobs SET status = $4, error = $5, finished_at = $6, holder = NULL, held_until = NULL, revision = revision + 1
   WHERE ${HELD}`;

const keyOf = ({ organizationId, id, holder }: HeldJob) => [organizationId, id, holder];

/** Takes the oldest job that nobody runs, and goes on where it was. @returns null where there is none */
export async function claimJob(sql: Sql, holder: string, nowMs: number): Promise<HeldJob | null> {
  const { rows } = await sql.query<JobRow>(CLAIM, [holder, LEASE_SECONDS, new Date(nowMs)]);
  const [row] = rows;
  if (row === undefined) return null;
  const { organization_id: organizationId, id, kind, input, place } = row;
  return { organizationId, id, kind, input, place, holder };
}

/** Keeps the job for another lease. @returns whether this process still has it */
export async function renewLease(sql: Sql, job: HeldJob): Promise<boolean> {
  const { rowCount } = await sql.query(RENEW, [...keyOf(job), LEASE_SECONDS]);
  return rowCount === 1;
}

/** Leaves the job to whichever process comes first, after a pause. */
export async function releaseJob(sql: Sql, job: HeldJob, pauseSeconds: number): Promise<void> {
  await sql.query(RELEASE, [...keyOf(job), pauseSeconds]);
}

/** Counts a failure. @returns how many in a row, without a step between; 0 where the job was lost */
export async function countFailure(sql: Sql, job: HeldJob): Promise<number> {
  const { rows } = await sql.query<{ failures: number }>(COUNT_FAILURE, keyOf(job));
  return rows[0]?.failures ?? 0;
}

/**
 * Ends a job that this process has.
 * @param error why it failed, for callers; null: it is done
 */
export async function finishJob(sql: Sql, job: HeldJob, error: string | null, nowMs: number): Promise<void> {
  await sql.query(FINISH, [...keyOf(job), error === null ? 'done' : 'failed', error, new Date(nowMs)]);
}
