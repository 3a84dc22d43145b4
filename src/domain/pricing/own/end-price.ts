import { recordAudit } from '../../audit/record-audit.ts';
import type { Context } from '../../context.ts';
import type { Price } from '../price/price.ts';
import { changeOwnPrices, requirePriceWrites } from './change-own-prices.ts';
import { auditPrice, getOwnPrice } from './own-price.ts';

/** When a price that is ended at `nowMs` ends; null where it has ended. One that has not begun is never in force. */
function endOf({ validFrom, validTo }: Price, nowMs: number): number | null {
  const endMs = Math.max(nowMs, validFrom ?? nowMs);
  return validTo !== null && validTo <= endMs ? null : endMs;
}

/**
 * Ends an own price now. What it has charged stays, and it still charges late events of its time. One that
 * has ended stays as it is.
 * @returns the price as it is now
 * @throws AppError not_found, insufficient_permissions
 */
export async function endPrice(context: Context, { id }: { id: string }): Promise<Price> {
  const { caller, resources } = context;
  requirePriceWrites(caller);
  return changeOwnPrices(context, async (sql) => {
    const before = await getOwnPrice(sql, caller, id);
    const atMs = resources.clock();
    const validTo = endOf(before, atMs);
    if (validTo === null) return { made: before, isChanged: false };
    const values = [before.organizationId, before.id, new Date(validTo)];
    await sql.query('UPDATE prices SET valid_to = $3 WHERE organization_id = $1 AND id = $2', values);
    const ended = { ...before, validTo };
    const change = { action: 'price.ended', targetId: id, before: auditPrice(before), after: auditPrice(ended), atMs };
    await recordAudit(sql, context, change);
    return { made: ended, isChanged: true };
  });
}
