import { AppError, invalidField } from '../../platform/errors.ts';
import { newApiKeySecret } from '../access/api-key-secret.ts';
import { requireScope } from '../access/require-scope.ts';
import { whereApiKeys } from '../access/where-api-keys.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { type ApiKeyWithSecret, isExpired } from './api-key.ts';
import { lockApiKey } from './lock-api-key.ts';

export interface RotateApiKeyInput {
  /** TypeID of the key. */
  id: string;
  /** For so long the old secret is accepted too: 0 to 604,800, by default 0. */
  graceSeconds?: number | null;
}

/** A week. */
export const MAX_GRACE_SECONDS = 7 * 86_400;

function readGrace(seconds: number): number {
  if (Number.isInteger(seconds) && seconds >= 0 && seconds <= MAX_GRACE_SECONDS) return seconds;
  throw invalidField('graceSeconds', `must be a whole number from 0 to ${MAX_GRACE_SECONDS}`);
}

/**
 * Gives a key a new secret; its id stays. The secret before it is accepted for the grace, and none
 * that is older: rotations of a key are made one after the other, under the lock of its row.
 * @throws AppError not_found, invalid_request, conflict (it was revoked or has expired),
 * insufficient_permissions (also where it is stronger than the caller's), invalid_api_key (the
 * caller's key ended meanwhile)
 */
export async function rotateApiKey(context: Context, input: RotateApiKeyInput): Promise<ApiKeyWithSecret> {
  const { caller, resources } = context;
  requireScope(caller, 'keys:write');
  const graceSeconds = readGrace(input.graceSeconds ?? 0);
  const { secret, hash, hint } = newApiKeySecret();
  const rotated = await resources.database.change(async (models) => {
    const key = await lockApiKey(models, context, input.id);
    // Read under the lock: of two rotations the later one begins its grace later.
    const atMs = resources.clock();
    if (key.revokedAt !== null) throw new AppError('conflict', 'This API key was revoked; make another one instead.');
    if (isExpired(key, atMs)) {
      throw new AppError('conflict', 'This API key has expired; give it another time to expire at first.');
    }
    const until = graceSeconds === 0 ? null : new Date(atMs + graceSeconds * 1_000);
    const next = await models.apiKey.update({
      where: { AND: whereApiKeys(caller), id: key.id },
      data: {
        secretHash: hash,
        hint,
        previousSecretHash: until && key.secretHash,
        previousSecretUntil: until,
      },
    });
    const [before, after] = [{ hint: key.hint }, { hint, oldSecretUntil: until }];
    await recordAudit(models, context, { action: 'api_key.rotated', targetId: input.id, before, after, atMs });
    return next;
  });
  resources.changes.forget(rotated.organizationId);
  return { ...rotated, secret };
}
