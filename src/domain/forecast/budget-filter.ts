import { formatId, parseId } from '../../platform/ids.ts';
import type { BudgetStatus } from '../budgets/budget-status.ts';
import { foldName } from '../input/fold-name.ts';
import { normalizeProvider } from '../pricing/price/provider-name.ts';
import type { UsageFilter } from '../usage/event/usage-filter.ts';

const TAG_PREFIX = 'tag:';

type Counted = Pick<BudgetStatus, 'scope' | 'per' | 'subject'>;

/** Of a budget with `per`, what the subject in its status adds to the scope. */
function subjectFilter({ per, subject }: Counted): UsageFilter {
  if (per === null || subject === null) return {};
  if (per === 'team') return { teamId: formatId('team', subject) };
  if (per === 'api_key') return { apiKeyId: formatId('apiKey', subject) };
  if (per === 'user') return { userId: subject };
  return { tags: [{ key: per.slice(TAG_PREFIX.length), value: subject }] };
}

/** The filter of the usage that a budget counts; with `per`, of the subject that its status shows. */
export function budgetFilter(budget: Counted): UsageFilter {
  const { scope } = budget;
  const { tags: subjectTags, ...subject } = subjectFilter(budget);
  const tags = new Map(Object.entries(scope.tags ?? {}));
  for (const { key, value } of subjectTags ?? []) tags.set(key, value);
  return {
    provider: scope.provider,
    model: scope.model,
    userId: scope.userId,
    teamId: scope.teamId && formatId('team', scope.teamId),
    apiKeyId: scope.apiKeyId && formatId('apiKey', scope.apiKeyId),
    ...subject,
    tags: [...tags].map(([key, value]) => ({ key, value })),
  };
}

/** Whether a budget counts nothing but what the filter lets through: its scope names all that the filter names. */
export function fitsFilter({ scope }: Pick<Counted, 'scope'>, filter: UsageFilter): boolean {
  const { provider, model, teamId, userId, apiKeyId, memberId, serviceTier, tags } = filter;
  if (memberId || serviceTier) return false;
  return (
    (!provider || scope.provider === normalizeProvider(provider)) &&
    (!model || scope.model === foldName(model)) &&
    (!teamId || scope.teamId === parseId('team', teamId)) &&
    (!userId || scope.userId === userId) &&
    (!apiKeyId || scope.apiKeyId === parseId('apiKey', apiKeyId)) &&
    (tags ?? []).every(({ key, value }) => new Map(Object.entries(scope.tags ?? {})).get(key) === value)
  );
}
