import { AppError } from '../../platform/errors.ts';
import type { Sql } from '../../platform/postgres/database.ts';
import type { CallerOrganization } from './caller.ts';

/**
 * The organization with this UUID, held still until the transaction ends.
 * @throws AppError not_found
 */
export async function lockOrganization(sql: Sql, id: string): Promise<CallerOrganization> {
  const { rows } = await sql.query<CallerOrganization>(
    `SELECT id, name, plan, credits_mode AS "creditsMode", retention_days AS "retentionDays", created_at AS "createdAt"
       FROM organizations WHERE id = $1 FOR NO KEY UPDATE`,
    [id],
  );
  if (!rows[0]) throw new AppError('not_found', 'There is no organization with this id.');
  return rows[0];
}

/** What the audit log tells of an organization, in the words of the doors. */
export function describeOrganization({ name, plan, creditsMode, retentionDays }: CallerOrganization) {
  return { name, plan, credits: creditsMode, retentionDays };
}
