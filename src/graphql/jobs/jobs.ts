import { sortGroups } from '../../domain/jobs/cost-changes.ts';
import { getJob, JOB_CURSOR, listJobs } from '../../domain/jobs/find-jobs.ts';
import { followJob } from '../../domain/live/follow-job.ts';
import { type Repricing, repriceUsage } from '../../domain/usage/reprice-usage.ts';
import { builder } from '../builder/builder.ts';
import { CURSOR_DESCRIPTION, PAGE_SIZE_DESCRIPTION, toConnection } from '../builder/connection.ts';
import { JobRef } from './job-types.ts';
import { RepriceResultRef } from './reprice-types.ts';

const JOB_ID = 'Id of the job.';

const RepriceUsageInput = builder.inputType('RepriceUsageInput', {
  description: 'Which events are to be priced again, by their own times.',
  fields: (t) => ({
    start: t.field({
      type: 'DateTime',
      required: true,
      description: 'Inclusive; not before the retention cutoff.',
    }),
    end: t.field({ type: 'DateTime', required: true, description: 'Exclusive.' }),
    provider: t.string({ description: 'Only events of this provider.' }),
    model: t.string({ description: 'Only events of this model, as they were sent.' }),
    teamId: t.id({ description: "Only events of this team. Default: the API key's team, if it is bound to one." }),
    dryRun: t.boolean({ description: 'Only says what would change. Default false.' }),
  }),
});

const RepricingRef = builder.objectRef<Repricing>('Repricing').implement({
  description: 'What would change, or the job that changes it.',
  fields: (t) => ({
    preview: t.field({
      type: RepriceResultRef,
      nullable: true,
      description: 'With `dryRun`: what would change. Nothing was written.',
      resolve: ({ preview }) => {
        if (preview === null) return null;
        const { groups, ...sums } = preview;
        return { ...sums, listGroups: (limit: number) => sortGroups(groups.values()).slice(0, limit) };
      },
    }),
    job: t.field({
      type: JobRef,
      nullable: true,
      description: 'Without `dryRun`: the job, which has just been queued.',
      resolve: ({ job }) => job,
    }),
  }),
});

builder.mutationField('repriceUsage', (t) =>
  t.field({
    type: RepricingRef,
    description:
      'Prices recorded events again, by the prices of today for their own times: a job changes their costs by ' +
      'adjustments, and every total, budget and credit follows. Costs that callers gave stay, and so do those of ' +
      'events that have no price. Requires the scope `prices:write`.',
    args: { input: t.arg({ type: RepriceUsageInput, required: true }) },
    resolve: (_, { input }, context) => repriceUsage(context, input),
  }),
);

const JobConnection = builder.connectionObject({ type: JobRef, name: 'JobConnection' });

builder.queryFields((t) => ({
  job: t.field({
    type: JobRef,
    description: 'One job, as it is now. Requires the scope `prices:read`.',
    args: { id: t.arg.id({ required: true, description: JOB_ID }) },
    resolve: (_, { id }, context) => getJob(context, id),
  }),
  jobs: t.field({
    type: JobConnection,
    description: 'The jobs, newest first. One that has ended is kept for 90 days. Requires the scope `prices:read`.',
    args: {
      first: t.arg.int({ description: PAGE_SIZE_DESCRIPTION }),
      after: t.arg.string({ description: CURSOR_DESCRIPTION }),
    },
    resolve: async (_, args, context) =>
      toConnection(JOB_CURSOR, await listJobs(context, args), ({ id }) => id, args.after),
  }),
}));

builder.subscriptionField('jobProgress', (t) =>
  t.field({
    type: JobRef,
    description:
      'A job: first as it is, then when that has changed, at most four times a second. It completes when the job is ' +
      'done or has failed. Requires the scope `prices:read`.',
    args: { id: t.arg.id({ required: true, description: JOB_ID }) },
    subscribe: (_, { id }, context) => followJob(context, id),
    resolve: (job) => job,
  }),
);
