import { AppError } from '../../platform/errors.ts';
import { parseId } from '../../platform/ids.ts';
import { requireScope } from '../access/require-scope.ts';
import { plainDecimal } from '../budgets/budget-row.ts';
import type { Hold, HoldRow } from '../budgets/hold.ts';
import type { Context } from '../context.ts';

const COLUMNS = 'id, status, provider, model, amount, tokens, created_at, expires_at';

function readHold(row: HoldRow): Hold {
  const { id, status, provider, model, amount, tokens, created_at: createdAt, expires_at: expiresAt } = row;
  return { id, status, provider, model, amount: amount && plainDecimal(amount), tokens, createdAt, expiresAt };
}

/**
 * Gives back what a hold reserves, since its call was not made. Released or expired before, it stays as it is.
 * @throws AppError not_found, conflict (an event has settled it), insufficient_permissions
 */
export async function releaseHold({ caller, resources }: Context, id: string): Promise<Hold> {
  requireScope(caller, 'usage:write');
  const uuid = parseId('hold', id);
  const notFound = new AppError('not_found', 'There is no hold with this id.');
  if (uuid === null) throw notFound;
  const organizationId = caller.organization.id;
  const now = new Date(resources.clock());
  return resources.database.transaction(async (sql) => {
    await sql.query('SELECT lock_organization($1)', [organizationId]);
    await sql.query('SELECT sweep_holds($1, $2)', [organizationId, now]);
    const { rows } = await sql.query<HoldRow>(
      `SELECT ${COLUMNS} FROM holds WHERE organization_id = $1 AND id = $2 AND ($3::uuid IS NULL OR team_id = $3)`,
      [organizationId, uuid, caller.teamId],
    );
    const hold = rows[0];
    if (!hold) throw notFound;
    if (hold.status === 'settled') throw new AppError('conflict', 'This hold was settled by a usage event.');
    if (hold.status !== 'active') return readHold(hold);
    await sql.query(`UPDATE holds SET status = 'released', closed_at = $3 WHERE organization_id = $1 AND id = $2`, [
      organizationId,
      uuid,
      now,
    ]);
    await sql.query('SELECT free_reservations($1, ARRAY[$2::uuid])', [organizationId, uuid]);
    return readHold({ ...hold, status: 'released' });
  });
}
