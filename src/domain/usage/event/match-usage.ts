import { parseId } from '../../../platform/ids.ts';
import type { Caller } from '../../access/caller.ts';
import { foldName } from '../../input/fold-name.ts';
import { normalizeProvider } from '../../pricing/price/provider-name.ts';
import { keptTier } from '../../pricing/price/service-tier.ts';
import type { UsageEvent } from './usage-event.ts';
import { type UsageFilter, whereUsage } from './usage-filter.ts';

/**
 * The same conditions as {@link whereUsage}, the tenant wall among them, for events that are in
 * memory; what only changes the cost of an event is none itself.
 * @throws AppError invalid_request as it does
 */
export function usageMatcher(caller: Caller, filter: UsageFilter): (event: UsageEvent) => boolean {
  whereUsage(caller, filter);
  const { provider, model, serviceTier, teamId, apiKeyId, userId, tags } = filter;
  const conditions: ((event: UsageEvent) => boolean)[] = [];
  const add = <Field extends keyof UsageEvent>(field: Field, value: UsageEvent[Field]) => {
    conditions.push((event) => event[field] === value);
  };
  add('organizationId', caller.organization.id);
  add('adjustsId', null);
  if (caller.teamId !== null) add('teamId', caller.teamId);
  if (provider) add('provider', normalizeProvider(provider));
  if (model) add('model', foldName(model));
  if (serviceTier) add('serviceTier', keptTier(serviceTier));
  if (teamId) add('teamId', parseId('team', teamId));
  if (apiKeyId) add('apiKeyId', parseId('apiKey', apiKeyId) ?? '');
  if (userId) add('userId', userId);
  for (const { key, value } of tags ?? []) {
    conditions.push((event) => Object.hasOwn(event.tags, key) && event.tags[key] === value);
  }
  return (event) => conditions.every((holds) => holds(event));
}
