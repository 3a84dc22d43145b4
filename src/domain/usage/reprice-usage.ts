import { AppError } from '../../platform/errors.ts';
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

/** Previews that a process makes at a time: each keeps a good part of a core busy. */
const MAX_PREVIEWS = 2;
const RETRY_AFTER_SECONDS = 5;

/** What would change, or the job that changes it. */
export type Repricing = { preview: CostChanges; job: null } | { preview: null; job: Job };

/** One of an organization at a time, and few of all. @throws AppError unavailable */
async function preview(context: Context, work: () => Promise<CostChanges>): Promise<CostChanges> {
  const { previews } = context.resources;
  const { id } = context.caller.organization;
  if (previews.size >= MAX_PREVIEWS || previews.has(id)) {
    const details = { retryAfterSeconds: RETRY_AFTER_SECONDS };
    throw new AppError('unavailable', 'Other previews are being made. Try again in a few seconds.', { details });
  }
  previews.add(id);
  try {
    return await work();
  } finally {
    previews.delete(id);
  }
}

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
  if (input.dryRun) return { preview: await preview(context, () => previewReprice(context, read)), job: null };
  const groups = await sumUsage(context, { spans: [{ startMs, endMs }], dimensions: [], filter, limit: 1 });
  const total = groups.reduce((sum, { requests }) => sum + requests, 0);
  return { preview: null, job: await createJob(context, 'reprice', read, total) };
}
