import { type FieldProblem, invalidField, invalidRequest } from '../../../platform/errors.ts';
import { ID_PREFIXES, parseId } from '../../../platform/ids.ts';
import { DAY_MS, endMsOf } from '../../../platform/time.ts';
import type { Context } from '../../context.ts';
import { foldName } from '../../input/fold-name.ts';
import type { JobInput } from '../../jobs/job.ts';
import { normalizeProvider } from '../../pricing/price/provider-name.ts';
import { requireVisibleFilter } from '../event/require-visible-filter.ts';
import { whereUsage } from '../event/usage-filter.ts';

/** What is to be priced again. Ids are TypeIDs, names may have any spelling. */
export interface RepriceInput {
  start: Date;
  end: Date;
  provider?: string | null | undefined;
  model?: string | null | undefined;
  teamId?: string | null | undefined;
  dryRun?: boolean | null | undefined;
}

/** The first moment whose single events are all there, now and in the next minutes. */
async function findKeptFrom({ caller, resources }: Context): Promise<number> {
  const { database, config, clock } = resources;
  const { rows } = await database.pool.query<{ days: number | null; retired_before: Date | null }>(
    'SELECT coalesce(retention_days, $2::int) AS days, retired_before FROM organizations WHERE id = $1',
    [caller.organization.id, config.retentionDays],
  );
  const { days = null, retired_before: retiredBefore = null } = rows[0] ?? {};
  const cutoffMs = days === null ? 0 : Math.floor((clock() - days * DAY_MS) / DAY_MS) * DAY_MS;
  return Math.max(cutoffMs, retiredBefore?.getTime() ?? 0);
}

/**
 * Reads and checks what is to be priced again. A key that is bound to a team has its team's events priced
 * again, and no others.
 * @throws AppError invalid_request, also where `start` is before the retention cutoff
 */
export async function readRepriceInput(context: Context, input: RepriceInput): Promise<JobInput> {
  const { caller } = context;
  const { provider = null, model = null, teamId = null } = input;
  const problems: FieldProblem[] = [];
  const startMs = input.start.getTime();
  const endMs = endMsOf(input.end);
  if (startMs >= endMs) problems.push({ path: 'end', message: 'must be after start' });
  const team = teamId === null ? null : parseId('team', teamId);
  if (teamId !== null && team === null) {
    problems.push({ path: 'teamId', message: `must be an id such as ${ID_PREFIXES.team}_...` });
  }
  if (problems.length > 0) throw invalidRequest(problems);
  whereUsage(caller, { provider, model });
  await requireVisibleFilter(context, { teamId });
  const keptFromMs = await findKeptFrom(context);
  if (startMs < keptFromMs) {
    const from = new Date(keptFromMs).toISOString();
    throw invalidField('start', `is before the retention cutoff: single events are kept from ${from} on`);
  }
  return {
    startMs,
    endMs,
    provider: provider === null ? null : normalizeProvider(provider),
    model: model === null ? null : foldName(model),
    teamId: caller.teamId ?? team,
  };
}
