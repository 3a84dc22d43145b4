import { getJob, listJobGroups } from '../../domain/jobs/find-jobs.ts';
import { isOver, JOB_KINDS, JOB_STATUSES, type Job, type JobInput, type JobStatus } from '../../domain/jobs/job.ts';
import { formatId } from '../../platform/ids.ts';
import { builder } from '../builder/builder.ts';
import { RepriceResultRef } from './reprice-types.ts';

const KindEnum = builder.enumType('JobKind', {
  description: 'What a job does.',
  values: Object.fromEntries(
    JOB_KINDS.map((kind) => [
      kind.toUpperCase(),
      { value: kind, description: 'It looks the prices of recorded events up again.' },
    ]),
  ) as Record<string, { value: (typeof JOB_KINDS)[number] }>,
});

const STATUS_DESCRIPTIONS: Readonly<Record<JobStatus, string>> = {
  queued: 'It has not begun.',
  running: 'It is under way, or goes on in a moment: where its process has ended, another one takes over.',
  done: 'It has done all of it.',
  failed: 'It has ended before its end: `error` says why. What it has changed stays.',
};

const StatusEnum = builder.enumType('JobStatus', {
  description: 'Where a job stands.',
  values: Object.fromEntries(
    JOB_STATUSES.map((status) => [status.toUpperCase(), { value: status, description: STATUS_DESCRIPTIONS[status] }]),
  ) as Record<string, { value: JobStatus }>,
});

const JobInputRef = builder.objectRef<JobInput>('JobInput').implement({
  description: 'Which events a job is for.',
  fields: (t) => ({
    start: t.field({ type: 'DateTime', description: 'Inclusive.', resolve: ({ startMs }) => new Date(startMs) }),
    end: t.field({ type: 'DateTime', description: 'Exclusive.', resolve: ({ endMs }) => new Date(endMs) }),
    provider: t.exposeString('provider', { nullable: true, description: 'Null: all.' }),
    model: t.exposeString('model', { nullable: true, description: 'Null: all.' }),
    teamId: t.id({
      nullable: true,
      description: 'Null: all, and those of no team.',
      resolve: ({ teamId }) => teamId && formatId('team', teamId),
    }),
  }),
});

const JobProgressRef = builder.objectRef<Job>('JobProgress').implement({
  description: 'How far a job is.',
  fields: (t) => ({
    done: t.expose('done', { type: 'SafeInt', description: 'Number of events that were looked at.' }),
    total: t.expose('total', {
      type: 'SafeInt',
      description: 'Number of events when it was asked for; once it is done, the same as `done`.',
    }),
  }),
});

export const JobRef = builder.objectRef<Job>('Job');

builder.node(JobRef, {
  description: 'Work that goes on after the answer to the request. An organization has one at a time.',
  id: { resolve: ({ id }) => id },
  loadOne: (uuid, context) => getJob(context, formatId('job', uuid)),
  isTypeOf: (value) => typeof value === 'object' && value !== null && 'revision' in value && 'input' in value,
  fields: (t) => ({
    kind: t.expose('kind', { type: KindEnum }),
    status: t.expose('status', { type: StatusEnum }),
    input: t.expose('input', { type: JobInputRef }),
    progress: t.field({ type: JobProgressRef, resolve: (job) => job }),
    result: t.field({
      type: RepriceResultRef,
      nullable: true,
      description: 'What it has done; null before it has ended. Of a failed job it is what was done until then.',
      resolve: (job, _, { resources }) => {
        if (!isOver(job)) return null;
        const { done: events, changed, costBefore, costAfter } = job;
        const listGroups = (limit: number) => listJobGroups(resources.database.pool, job, limit);
        return { events, changed, costBefore, costAfter, listGroups };
      },
    }),
    error: t.exposeString('error', { nullable: true, description: 'Why it failed; null unless it has.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    startedAt: t.expose('startedAt', { type: 'DateTime', nullable: true, description: 'Null: it has not begun.' }),
    finishedAt: t.expose('finishedAt', { type: 'DateTime', nullable: true, description: 'Null: it has not ended.' }),
  }),
});
