import { AppError } from '../../platform/errors.ts';
import { requireScope } from '../access/require-scope.ts';
import { whereApiKeys } from '../access/where-api-keys.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { readName } from '../input/read-name.ts';
import { type ApiKey, describeKey, isLiving, requireRoom } from './api-key.ts';
import { lockApiKey } from './lock-api-key.ts';
import { type OtlpSettings, readExpiry } from './read-api-key-input.ts';

export interface UpdateApiKeyInput {
  /** TypeID of the key. */
  id: string;
  /** Fields that are left out stay as they are. */
  name?: string | null;
  /** In the future; null: it never expires. A key that has expired is accepted again. */
  expiresAt?: Date | null;
  otlp?: OtlpSettings | null;
}

/**
 * Changes a key. It counts at once in this process, in others within a second. What changes nothing
 * is not audited.
 * @throws AppError not_found, invalid_request, conflict (it was revoked, or is to live again beside
 * too many others), insufficient_permissions (also where it is stronger than the caller's),
 * invalid_api_key (the caller's key ended meanwhile)
 */
export async function updateApiKey(context: Context, input: UpdateApiKeyInput): Promise<ApiKey> {
  const { caller, resources } = context;
  requireScope(caller, 'keys:write');
  const atMs = resources.clock();
  const name = input.name === undefined || input.name === null ? undefined : readName(input.name);
  const expiresAt = input.expiresAt === undefined ? undefined : readExpiry(input.expiresAt, atMs);
  const updated = await resources.database.change(async (models) => {
    const key = await lockApiKey(models, context, input.id);
    if (key.revokedAt !== null) throw new AppError('conflict', 'This API key was revoked; make another one instead.');
    const settings = {
      name: name ?? key.name,
      expiresAt: expiresAt === undefined ? key.expiresAt : expiresAt,
      otlpExclusiveInput: input.otlp?.exclusiveInput ?? key.otlpExclusiveInput,
    };
    const next = { ...key, ...settings };
    const [before, after] = [describeKey(key), describeKey(next)];
    if (JSON.stringify(before) === JSON.stringify(after)) return key;
    if (!isLiving(key, atMs) && isLiving(next, atMs)) await requireRoom(models, key.organizationId, atMs);
    const changed = await models.apiKey.update({ where: { AND: whereApiKeys(caller), id: key.id }, data: settings });
    await recordAudit(models, context, { action: 'api_key.updated', targetId: input.id, before, after, atMs });
    return changed;
  });
  resources.changes.forget(updated.organizationId);
  return updated;
}
