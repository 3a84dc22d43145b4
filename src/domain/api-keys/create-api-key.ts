import { invalidField } from '../../platform/errors.ts';
import { formatId, newUuid, parseId } from '../../platform/ids.ts';
import type { Models } from '../../platform/postgres/database.ts';
import { newApiKeySecret } from '../access/api-key-secret.ts';
import type { Caller } from '../access/caller.ts';
import { requireScope } from '../access/require-scope.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { readName } from '../input/read-name.ts';
import { type ApiKeyWithSecret, describeKey, requireRoom } from './api-key.ts';
import { lockAuthority, lockLivingTeam, requireNoStronger } from './authority.ts';
import { type OtlpSettings, type PresetName, readExpiry, readScopes } from './read-api-key-input.ts';

export interface CreateApiKeyInput {
  /** 1 to 100 characters, white space around them not counted. */
  name: string;
  /** Exactly one of `scopes` and `preset` is given. */
  scopes?: readonly string[] | null;
  preset?: PresetName | null;
  /** TypeID of the team that it is bound to; by default that of the caller's key. */
  teamId?: string | null;
  /** In the future; by default it never expires. */
  expiresAt?: Date | null;
  otlp?: OtlpSettings | null;
}

/** Locks the team that the key is to be bound to; null: it is the whole organization's. */
async function lockTeamOf(models: Models, caller: Caller, given: string | null): Promise<string | null> {
  if (given === null) return caller.teamId;
  const teamId = parseId('team', given);
  const isSeen = teamId !== null && (caller.teamId === null || caller.teamId === teamId);
  if (isSeen && (await lockLivingTeam(models, caller, teamId))) return teamId;
  throw invalidField('teamId', 'there is no such team');
}

/**
 * Makes a key that is not stronger than the caller's: within its scopes and its team. What a member's
 * key makes is the same member's, so that it ends with the member.
 * @throws AppError invalid_request, insufficient_permissions (also for a scope that the caller's key
 * lacks), conflict (there are {@link MAX_LIVING_KEYS}), invalid_api_key (the caller's key ended
 * meanwhile)
 */
export async function createApiKey(context: Context, input: CreateApiKeyInput): Promise<ApiKeyWithSecret> {
  const { caller, resources } = context;
  requireScope(caller, 'keys:write');
  const atMs = resources.clock();
  const name = readName(input.name);
  const scopes = [...readScopes(input)];
  const expiresAt = readExpiry(input.expiresAt ?? null, atMs);
  const { secret, hash, hint } = newApiKeySecret();
  const organizationId = caller.organization.id;
  const key = await resources.database.change(async (models) => {
    const teamId = await lockTeamOf(models, caller, input.teamId ?? null);
    const authority = await lockAuthority(models, context);
    requireNoStronger(authority, { scopes, memberRole: authority.role });
    await requireRoom(models, organizationId, atMs);
    const made = await models.apiKey.create({
      data: {
        id: newUuid(atMs),
        organizationId,
        teamId,
        memberId: caller.memberId,
        name,
        secretHash: hash,
        hint,
        scopes,
        expiresAt,
        otlpExclusiveInput: input.otlp?.exclusiveInput ?? false,
        createdAt: new Date(atMs),
      },
    });
    const targetId = formatId('apiKey', made.id);
    const change = { action: 'api_key.created', targetId, before: null, after: describeKey(made), atMs };
    await recordAudit(models, context, change);
    return made;
  });
  return { ...key, secret };
}
