import { AppError, invalidField } from '../../platform/errors.ts';
import { parseId } from '../../platform/ids.ts';
import { readNumeric } from '../../platform/money.ts';
import { type Page, type PageInput, parseUuidCursor, readPageSize } from '../../platform/page.ts';
import type { Sql } from '../../platform/postgres/database.ts';
import { type Where, where } from '../../platform/postgres/where.ts';
import type { Caller } from '../access/caller.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import type { CostChange } from './cost-changes.ts';
import { JOB_COLUMNS, type Job, type JobRow, readJob } from './job.ts';

export const JOB_CURSOR = 'job';
/** The scope of whoever looks at jobs, once or as they go on. */
export const JOBS_SCOPE = 'prices:read';
/** Rows by provider, model and day that one question or job may make. */
export const MAX_GROUPS = 10_000;

/** The tenant wall of jobs: the organization's; for a key bound to a team, those for that team. */
function whereJobs(caller: Caller): Where {
  const own = where('j.organization_id = $?', caller.organization.id);
  return caller.teamId === null ? own : own.and('j.team_id = $?', caller.teamId);
}

async function findJobs(sql: Sql, { text, values }: Where, limit: number): Promise<Job[]> {
  const query = `SELECT ${JOB_COLUMNS} FROM jobs j WHERE ${text} ORDER BY j.id DESC LIMIT ${limit}`;
  return (await sql.query<JobRow>(query, values)).rows.map(readJob);
}

/**
 * A job by its TypeID.
 * @throws AppError not_found, insufficient_permissions
 */
export async function getJob({ caller, resources }: Context, id: string): Promise<Job> {
  requireScope(caller, JOBS_SCOPE);
  const uuid = parseId('job', id);
  const [job] =
    uuid === null ? [] : await findJobs(resources.database.pool, whereJobs(caller).and('j.id = $?', uuid), 1);
  if (!job) throw new AppError('not_found', 'There is no job with this id.');
  return job;
}

/**
 * The jobs, newest first, those that are over too.
 * @throws AppError invalid_request, insufficient_permissions
 */
export async function listJobs({ caller, resources }: Context, question: PageInput): Promise<Page<Job>> {
  requireScope(caller, JOBS_SCOPE);
  const size = readPageSize(question.first);
  const own = whereJobs(caller);
  const after = question.after ? own.and('j.id < $?', parseUuidCursor(JOB_CURSOR, question.after)) : own;
  const found = await findJobs(resources.database.pool, after, size + 1);
  return { items: found.slice(0, size), hasMore: found.length > size };
}

/** A job of an organization as it is now, for who may see it; null where it was removed. */
export async function findJob(sql: Sql, organizationId: string, uuid: string): Promise<Job | null> {
  const [job] = await findJobs(sql, where('j.organization_id = $?', organizationId).and('j.id = $?', uuid), 1);
  return job ?? null;
}

/** @throws AppError invalid_request unless it is a whole number from 0 to {@link MAX_GROUPS} */
export function readGroupLimit(limit: number): number {
  if (Number.isInteger(limit) && limit >= 0 && limit <= MAX_GROUPS) return limit;
  throw invalidField('limit', `must be a whole number from 0 to ${MAX_GROUPS}`);
}

/** What a job has found by day, provider and model, in this order: the first of them. */
export async function listJobGroups(sql: Sql, job: Job, limit: number): Promise<CostChange[]> {
  if (limit === 0) return [];
  const { rows } = await sql.query<Omit<CostChange, 'costBefore' | 'costAfter'> & Record<'before' | 'after', string>>(
    `SELECT day::text, provider, model, events, cost_before AS before, cost_after AS after FROM job_sums
      WHERE organization_id = $1 AND job_id = $2
      ORDER BY organization_id, job_id, day, provider COLLATE "C", model COLLATE "C" LIMIT $3`,
    [job.organizationId, job.id, limit],
  );
  return rows.map(({ before, after, ...row }) => {
    return { ...row, costBefore: readNumeric(before), costAfter: readNumeric(after) };
  });
}
