import { parseId } from '../../platform/ids.ts';
import type { Models } from '../../platform/postgres/database.ts';
import type { Context } from '../context.ts';
import { type ApiKey, getVisibleKey } from './api-key.ts';
import { lockAuthority, requireNoStronger } from './authority.ts';

/**
 * A key by its TypeID, locked until the transaction ends, that the caller's key may change.
 * @throws AppError not_found, insufficient_permissions (it is stronger), invalid_api_key
 */
export async function lockApiKey(models: Models, context: Context, id: string): Promise<ApiKey> {
  const { caller } = context;
  const authority = await lockAuthority(models, context, parseId('apiKey', id));
  const key = await getVisibleKey(models, caller, id);
  const member =
    key.memberId &&
    (await models.member.findFirst({ where: { organizationId: key.organizationId, id: key.memberId } }));
  requireNoStronger(authority, { scopes: key.scopes, memberRole: member ? member.role : null });
  return key;
}
