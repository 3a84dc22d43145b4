import { AppError } from '../../platform/errors.ts';
import type { Caller } from './caller.ts';
import { OPERATOR } from './operator.ts';
import type { Scope } from './scopes.ts';

/**
 * May the caller do this? The first line of every verb.
 * @throws AppError insufficient_permissions, with `requiredScope`; to the operator always
 */
export function requireScope(caller: Caller, scope: Scope): void {
  if (caller !== OPERATOR && (caller.scopes.has(scope) || caller.scopes.has('admin'))) return;
  throw new AppError('insufficient_permissions', `This API key lacks the scope ${scope}.`, {
    details: { requiredScope: scope },
  });
}
