import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import { getJob, JOBS_SCOPE } from '../jobs/find-jobs.ts';
import type { Job } from '../jobs/job.ts';
import { tellJob } from './job-tickers.ts';
import { type LiveSource, neverIterated, type Told } from './live-source.ts';

/**
 * Follows a job: first as it is, then whenever that has changed, to its end, whichever process runs it.
 * @param id TypeID
 * @throws AppError not_found, insufficient_permissions
 */
export async function followJob(context: Context, id: string): Promise<LiveSource<Job>> {
  const { jobs } = context.resources.live;
  const first = tellJob(await getJob(context, id));
  let unread: Told<Job>[] = [first];
  return {
    requireStill: (now) => requireScope(now, JOBS_SCOPE),
    position: () => first.position,
    isCaughtUp: () => unread.length === 0,
    async catchUp() {
      const all = unread;
      unread = [];
      return all;
    },
    attach: (take) => jobs.attach(first, take),
    [Symbol.asyncIterator]: neverIterated,
  };
}
