import { AppError } from '../../platform/errors.ts';
import type { Caller } from '../access/caller.ts';
import { requireScope } from '../access/require-scope.ts';

/**
 * May the caller read or change credits? They are the organization's, so a key that is bound to a
 * team may not, whatever its scopes.
 * @throws AppError insufficient_permissions
 */
export function requireCredits(caller: Caller, scope: 'credits:read' | 'credits:write'): void {
  requireScope(caller, scope);
  if (caller.teamId === null) return;
  const message = 'This API key is bound to a team; credits are for a key of the whole organization.';
  throw new AppError('insufficient_permissions', message, { details: { requiredScope: scope } });
}
