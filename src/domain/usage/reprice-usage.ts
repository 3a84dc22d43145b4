import { formatId } from '../../platform/ids.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import type { CostChanges } from '../jobs/cost-changes.ts';
import { createJob } from '../jobs/create-job.ts';
import type { Job } from '../jobs/job.ts';
import { previewReprice } from './reprice/preview-reprice.ts';
import { type RepriceInput, readRepriceInput } from './reprice/read-reprice-input.ts';
import { requireFewGroups } from './reprice/require-few-groups.ts';
import { sumUsage } from './sums/sum-usage.ts';

/** What would change, or the job that changes it. */
export type Repricing = { preview: CostChanges; job: null } | { preview: null; job: Job };

/**
 * Prices events again that are in the ledger: by the prices of today for their own times. With `dryRun` it
 * only says what would change, else it queues a job that does it. Costs that callers gave stay, and what
 * has no price keeps its cost.
 * @throws AppError invalid_request, conflict (one job at a time), unavailable, insufficient_permissions
 */
export async function repriceUsage(context: Context, input: RepriceInput): Promise<Repricing> {
  requireScope(context.caller, 'prices:write');
  const read = await readRepriceInput(context, input);
  const { startMs, endMs, provider, model, teamId } = read;
  const filter = { provider, model, teamId: teamId && formatId('team', teamId) };
  await requireFewGroups(context, read, filter);
  const { previews } = context.resources;
  if (input.dryRun) {
    const preview = await previews.take(context.caller.organization.id, () => previewReprice(context, read));
    return { preview, job: null };
  }
  const groups = await sumUsage(context, { spans: [{ startMs, endMs }], dimensions: [], filter, limit: 1 });
  const total = groups.reduce((sum, { requests }) => sum + requests, 0);
  return { preview: null, job: await createJob(context, 'reprice', read, total) };
}
