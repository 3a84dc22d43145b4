import { parseId } from '../../platform/ids.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import { type ApiKey, getVisibleKey } from './api-key.ts';

/**
 * A key by its TypeID, also one that ended long ago. Any key may read itself.
 * @throws AppError not_found, insufficient_permissions
 */
export async function getApiKey({ caller, resources }: Context, id: string): Promise<ApiKey> {
  if (parseId('apiKey', id) !== caller.apiKeyId) requireScope(caller, 'keys:write');
  return getVisibleKey(resources.database.prisma, caller, id);
}
