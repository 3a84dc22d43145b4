import { type BatchLoader, createBatchLoader } from '../../platform/batch-loader.ts';
import { formatId } from '../../platform/ids.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import { readZone } from '../input/read-span.ts';
import type { Among } from '../usage/event/usage-filter.ts';
import { totalOf } from '../usage/summarize-usage.ts';
import type { UsageSums } from '../usage/sums/usage-sums.ts';
import { type CostPeriod, periodSpansAt } from './cost-period.ts';
import { type Exchange, findExchange } from './exchange.ts';
import { type CostRead, type GroupName, readCosts } from './read-costs.ts';

/** A team, an API key or a member. `id` is a UUID. */
export interface CostOwner {
  kind: Among['dimension'];
  id: string;
}

export interface OwnerCostQuestion {
  period?: CostPeriod | null;
  timezone?: string | null;
  currency?: string | null;
}

/** What one team, key or member has cost in the current period. Sums are in USD. */
export interface OwnerCosts {
  /** Null: the currency is USD. */
  exchange: Exchange | null;
  sums: UsageSums;
  /** Of all owners that were asked for together. */
  read: CostRead;
  name: GroupName;
  /** Sums of the compared part of the previous period. */
  readPrevious(): Promise<UsageSums>;
}

const KINDS = { team: 'team', api_key: 'apiKey', member: 'member' } as const;

type Loader = BatchLoader<string, CostRead>;
/** Of each request, the loaders that wait for further owners. */
const waiting = new WeakMap<Context, Map<string, Loader>>();

/** The loader of one question of one request: its owners are summed in the same statements. */
function loaderFor(context: Context, kind: CostOwner['kind'], period: CostPeriod, zone: string): Loader {
  const loaders = waiting.get(context) ?? new Map<string, Loader>();
  waiting.set(context, loaders);
  const name = `${kind} ${period} ${zone}`;
  const known = loaders.get(name);
  if (known) return known;
  const loader = createBatchLoader<string, CostRead>(async (ids) => {
    loaders.delete(name);
    const among = { dimension: kind, ids: [...new Set(ids)] };
    const spans = periodSpansAt(context.resources.clock(), period, zone);
    const dimensions = [{ name: kind, key: null }];
    const read = await readCosts(context, { spans, dimensions, among, filter: {}, limit: among.ids.length });
    return ids.map(() => read);
  });
  loaders.set(name, loader);
  return loader;
}

/**
 * Sums what a team, API key or member has cost in the current period so far, as far as the caller may
 * see. Those that one request asks for together are read together, in a bounded number of statements.
 * @throws AppError invalid_request, insufficient_permissions
 */
export async function findCostsOf(
  context: Context,
  { kind, id }: CostOwner,
  question: OwnerCostQuestion,
): Promise<OwnerCosts> {
  requireScope(context.caller, 'costs:read');
  const zone = readZone(question.timezone);
  const exchange = findExchange(context.resources.config, question.currency);
  const read = await loaderFor(context, kind, question.period ?? 'month', zone).load(id);
  const value = formatId(KINDS[kind], id);
  const sumsIn = (groups: CostRead['groups']) => totalOf(groups.filter(({ values }) => values[0] === value));
  const sums = sumsIn(read.groups);
  return { exchange, sums, read, name: [value], readPrevious: async () => sumsIn(await read.readPrevious()) };
}
