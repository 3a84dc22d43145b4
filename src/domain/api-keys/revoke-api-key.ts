import { requireScope } from '../access/require-scope.ts';
import { whereApiKeys } from '../access/where-api-keys.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { type ApiKey, describeKey } from './api-key.ts';
import { lockApiKey } from './lock-api-key.ts';

/**
 * Ends a key for ever: at once in this process, within a second in others. A key may revoke itself. A
 * key that was revoked before is returned unchanged.
 * @param input.id TypeID of the key
 * @throws AppError not_found, insufficient_permissions (also where it is stronger than the caller's),
 * invalid_api_key (the caller's key ended meanwhile)
 */
export async function revokeApiKey(context: Context, input: { id: string }): Promise<ApiKey> {
  const { caller, resources } = context;
  requireScope(caller, 'keys:write');
  const revoked = await resources.database.change(async (models) => {
    const key = await lockApiKey(models, context, input.id);
    if (key.revokedAt !== null) return key;
    const atMs = resources.clock();
    const ended = await models.apiKey.update({
      where: { AND: whereApiKeys(caller), id: key.id },
      data: { revokedAt: new Date(atMs) },
    });
    const change = { action: 'api_key.revoked', targetId: input.id, before: describeKey(key), after: null, atMs };
    await recordAudit(models, context, change);
    return ended;
  });
  resources.changes.forget(revoked.organizationId);
  return revoked;
}
