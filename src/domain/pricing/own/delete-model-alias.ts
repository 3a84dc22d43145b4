import { AppError } from '../../../platform/errors.ts';
import { parseId } from '../../../platform/ids.ts';
import { recordAudit } from '../../audit/record-audit.ts';
import type { Context } from '../../context.ts';
import { changeOwnPrices, requirePriceWrites } from './change-own-prices.ts';
import { auditAlias, type ModelAlias } from './model-alias.ts';

const DELETE = `
  DELETE FROM model_aliases WHERE organization_id = $1 AND id = $2
  RETURNING organization_id AS "organizationId", id, provider, model, target_provider AS "targetProvider",
            target_model AS "targetModel", created_at AS "createdAt"`;

/**
 * Deletes an alias. What was priced by it stays.
 * @returns the alias as it was
 * @throws AppError not_found, insufficient_permissions
 */
export async function deleteModelAlias(context: Context, { id }: { id: string }): Promise<ModelAlias> {
  const { caller, resources } = context;
  requirePriceWrites(caller);
  return changeOwnPrices(context, async (sql) => {
    const { rows } = await sql.query<ModelAlias>(DELETE, [caller.organization.id, parseId('modelAlias', id)]);
    const [alias] = rows;
    if (!alias) throw new AppError('not_found', 'There is no alias with this id.');
    const change = { action: 'model_alias.deleted', targetId: id, atMs: resources.clock() };
    await recordAudit(sql, context, { ...change, before: auditAlias(alias), after: null });
    return { made: alias, isChanged: true };
  });
}
