import { invalidField } from '../../../platform/errors.ts';
import { ID_PREFIXES, parseId } from '../../../platform/ids.ts';
import type { Caller } from '../../access/caller.ts';
import { isStorableText } from '../../input/check-text.ts';
import { foldName } from '../../input/fold-name.ts';
import { USAGE_LIMITS } from '../../input/limits.ts';
import { normalizeProvider } from '../../pricing/price/provider-name.ts';
import { keptTier } from '../../pricing/price/service-tier.ts';

/**
 * Which events count. Ids are TypeIDs, as the caller gave them; names may have any spelling. An
 * empty string is refused: it would otherwise be the same as no filter, and return everything.
 */
export interface UsageFilter {
  provider?: string | null;
  model?: string | null;
  teamId?: string | null;
  userId?: string | null;
  apiKeyId?: string | null;
  /** Events that keys of this member recorded. */
  memberId?: string | null;
  serviceTier?: string | null;
  /** An event must carry all of these tags. */
  tags?: readonly { key: string; value: string }[] | null;
}

/**
 * SQL conditions over `e` (events, or a rollup's rows) and `s` (their series), and the values they
 * refer to.
 */
export interface UsageWhere {
  conditions: string[];
  values: unknown[];
  /** Whether a condition needs the events themselves: rollups know neither users nor tags. */
  needsEvents: boolean;
}

function readId(kind: 'team' | 'apiKey' | 'member', path: string, text: string): string {
  const uuid = parseId(kind, text);
  if (uuid === null) throw invalidField(path, `must be an id such as ${ID_PREFIXES[kind]}_...`);
  return uuid;
}

/** @throws AppError invalid_request when the value is empty; a name also when it is blank */
function isGiven(path: keyof UsageFilter, value: string | null | undefined): value is string {
  if (value === undefined || value === null) return false;
  // A user id may be blank, since it is kept as it was given.
  if ((path === 'userId' ? value : value.trim()) === '') throw invalidField(path, 'must not be empty');
  return true;
}

/**
 * The tenant wall: the only builder of conditions over usage. Begins with the caller's
 * organization, and its team where the key is bound to one; `e` and `s` must be joined by the
 * query.
 * @throws AppError invalid_request for an invalid id, an empty value, or a tag named twice
 */
export function whereUsage(caller: Caller, filter: UsageFilter = {}): UsageWhere {
  const values: unknown[] = [caller.organization.id];
  const conditions = ['e.organization_id = $1', 's.organization_id = $1'];
  let needsEvents = false;
  const add = (path: string, column: string, value: string) => {
    if (!isStorableText(value)) throw invalidField(path, 'must not contain NUL or unpaired surrogates');
    values.push(value);
    conditions.push(`${column} = $${values.length}`);
  };
  if (caller.teamId !== null) add('teamId', 's.team_id', caller.teamId);
  const { provider, model, serviceTier, teamId, apiKeyId, memberId, userId, tags } = filter;
  if (isGiven('provider', provider)) add('provider', 's.provider', normalizeProvider(provider));
  if (isGiven('model', model)) add('model', 's.model', foldName(model));
  if (isGiven('serviceTier', serviceTier)) add('serviceTier', 's.service_tier', keptTier(serviceTier));
  if (isGiven('teamId', teamId)) add('teamId', 's.team_id', readId('team', 'teamId', teamId));
  if (isGiven('apiKeyId', apiKeyId)) add('apiKeyId', 's.api_key_id', readId('apiKey', 'apiKeyId', apiKeyId));
  if (isGiven('memberId', memberId)) {
    values.push(readId('member', 'memberId', memberId));
    conditions.push(`s.api_key_id = ANY (ARRAY(
      SELECT k.id FROM api_keys k WHERE k.organization_id = $1 AND k.member_id = $${values.length}))`);
  }
  if (isGiven('userId', userId)) {
    needsEvents = true;
    add('userId', 'e.user_id', userId);
  }
  if (tags && tags.length > USAGE_LIMITS.tags) {
    throw invalidField('tags', `must have at most ${USAGE_LIMITS.tags} tags, as an event has`);
  }
  const keys = new Set<string>();
  for (const { key, value } of tags ?? []) {
    needsEvents = true;
    const path = `tag.${key}`;
    if (key === '') throw invalidField('tags', 'the key of a tag must not be empty');
    if (keys.has(key)) throw invalidField(path, 'must be given once');
    keys.add(key);
    if (!isStorableText(key)) throw invalidField(path, 'must not contain NUL or unpaired surrogates');
    values.push(key);
    add(path, `e.tags ->> $${values.length}::text`, value);
  }
  return { conditions, values, needsEvents };
}

/** Teams, API keys or members, by UUID, as one dimension names them. */
export interface Among {
  dimension: 'team' | 'api_key' | 'member';
  ids: readonly string[];
}

const AMONG_COLUMNS = { team: 's.team_id', api_key: 's.api_key_id', member: 's.api_key_id' } as const;

/** Adds to conditions that only usage of these teams, keys or members counts. */
export function addAmong(where: UsageWhere, { dimension, ids }: Among): void {
  const given = `$${where.values.push(ids)}::uuid[]`;
  const keys = `ARRAY(SELECT k.id FROM api_keys k WHERE k.organization_id = $1 AND k.member_id = ANY (${given}))`;
  where.conditions.push(`${AMONG_COLUMNS[dimension]} = ANY (${dimension === 'member' ? keys : given})`);
}
