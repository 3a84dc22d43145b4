import type { AttoUsd } from '../../platform/money.ts';
import { readNumeric } from '../../platform/money.ts';

export const JOB_KINDS = ['reprice'] as const;
export const JOB_STATUSES = ['queued', 'running', 'done', 'failed'] as const;
export type JobKind = (typeof JOB_KINDS)[number];
export type JobStatus = (typeof JOB_STATUSES)[number];

/** Which events a job is for, by their own time: `startMs` included, `endMs` not. Names are folded, the team is a UUID. */
export interface JobInput {
  startMs: number;
  endMs: number;
  provider: string | null;
  model: string | null;
  teamId: string | null;
}

/** Work that goes on after the answer to whoever asked for it. Its id is a UUID. */
export interface Job {
  id: string;
  organizationId: string;
  kind: JobKind;
  status: JobStatus;
  input: JobInput;
  /** Events that were looked at, and how many there were when it was asked for; once it is done, those that were. */
  done: number;
  total: number;
  /** Of the events that were looked at: how many cost something else now, and the costs of all of them. */
  changed: number;
  costBefore: AttoUsd;
  costAfter: AttoUsd;
  /** Why it failed; null unless it has. */
  error: string | null;
  /** Grows with each change of the above. */
  revision: number;
  createdAt: Date;
  startedAt: Date | null;
  finishedAt: Date | null;
}

export interface JobRow {
  id: string;
  organization_id: string;
  kind: JobKind;
  status: JobStatus;
  team_id: string | null;
  input: JobInput;
  total: number;
  done: number;
  changed: number;
  cost_before: string;
  cost_after: string;
  place: string | null;
  revision: number;
  error: string | null;
  created_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
}

export const JOB_COLUMNS = `
  j.id, j.organization_id, j.kind, j.status, j.team_id, j.input, j.total, j.done, j.changed, j.cost_before, j.cost_after,
  j.place, j.revision, j.error, j.created_at, j.started_at, j.finished_at`;

/** Whether nothing will change of it any more. */
export function isOver({ status }: Pick<Job, 'status'>): boolean {
  return status === 'done' || status === 'failed';
}

/** A row of the table as a job. */
export function readJob(row: JobRow): Job {
  const { id, organization_id: organizationId, kind, status, input, done, changed, error, revision } = row;
  return {
    id,
    organizationId,
    kind,
    status,
    input,
    done,
    // Events that were recorded meanwhile may be among them.
    total: status === 'done' ? done : Math.max(done, row.total),
    changed,
    costBefore: readNumeric(row.cost_before),
    costAfter: readNumeric(row.cost_after),
    error,
    revision,
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  };
}
