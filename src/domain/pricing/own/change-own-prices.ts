import { AppError } from '../../../platform/errors.ts';
import type { Sql } from '../../../platform/postgres/database.ts';
import type { Caller } from '../../access/caller.ts';
import { requireScope } from '../../access/require-scope.ts';
import type { Context } from '../../context.ts';

/**
 * May the caller change own prices and aliases? They are the organization's, so a key that is bound to a team
 * may not, whatever its scopes.
 * @throws AppError insufficient_permissions
 */
export function requirePriceWrites(caller: Caller): void {
  const requiredScope = 'prices:write';
  requireScope(caller, requiredScope);
  if (caller.teamId === null) return;
  const message = 'This API key is bound to a team; own prices and aliases are for a key of the whole organization.';
  throw new AppError('insufficient_permissions', message, { details: { requiredScope } });
}

/** What a change has made. */
interface Change<T> {
  made: T;
  /** False: all is as it was. */
  isChanged: boolean;
}

/**
 * Runs a change of what an organization has of its own in one transaction, under the organization's lock, and
 * raises its `price_version`, by which every process reads it again. This one has done so before the call
 * returns.
 */
export async function changeOwnPrices<T>(context: Context, work: (sql: Sql) => Promise<Change<T>>): Promise<T> {
  const { caller, resources } = context;
  const organizationId = caller.organization.id;
  const { made, isChanged } = await resources.database.transaction(async (sql) => {
    await sql.query('SELECT lock_organization($1)', [organizationId]);
    const change = await work(sql);
    if (change.isChanged) {
      await sql.query('UPDATE organizations SET price_version = price_version + 1 WHERE id = $1', [organizationId]);
    }
    return change;
  });
  if (isChanged) {
    resources.changes.forget(organizationId);
    await resources.ownPrices.refresh(organizationId);
  }
  return made;
}
