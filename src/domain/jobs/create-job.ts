import { AppError } from '../../platform/errors.ts';
import { formatId, newUuid } from '../../platform/ids.ts';
import { isUniqueViolation } from '../../platform/postgres/unique-violation.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { JOB_COLUMNS, type Job, type JobInput, type JobKind, type JobRow, readJob } from './job.ts';

const INSERT = `
  INSERT INTO jobs AS j (organization_id, id, kind, status, team_id, input, actor_key_id, total, created_at)
  VALUES ($1, $2, $3, 'queued', $4, $5, $6, $7, $8) RETURNING ${JOB_COLUMNS}`;

/** What the audit log tells of it. */
function tellInput({ startMs, endMs, provider, model, teamId }: JobInput): object {
  return {
    start: new Date(startMs).toISOString(),
    end: new Date(endMs).toISOString(),
    provider,
    model,
    teamId: teamId && formatId('team', teamId),
  };
}

/**
 * Queues a job, and writes to the audit log who wants it. It begins at once where this process has room,
 * else within seconds.
 * @param total events that it will look at
 * @throws AppError conflict where the organization has a job that is not over
 */
export async function createJob(context: Context, kind: JobKind, input: JobInput, total: number): Promise<Job> {
  const { caller, resources } = context;
  const { database, clock, jobs } = resources;
  const organizationId = caller.organization.id;
  const nowMs = clock();
  const id = newUuid(nowMs);
  const values = [
    organizationId,
    id,
    kind,
    input.teamId,
    JSON.stringify(input),
    caller.apiKeyId,
    total,
    new Date(nowMs),
  ];
  const change = { action: 'job.created', targetId: formatId('job', id), before: null, atMs: nowMs };
  try {
    const job = await database.transaction(async (sql) => {
      const { rows } = await sql.query<JobRow>(INSERT, values);
      await recordAudit(sql, context, { ...change, after: { kind, ...tellInput(input) } });
      return readJob(rows[0] as JobRow);
    });
    jobs.wake();
    return job;
  } catch (error) {
    if (!isUniqueViolation(error, 'jobs_open_key')) throw error;
    throw new AppError('conflict', 'An organization has one job at a time, and one is not over yet: wait for its end.');
  }
}
