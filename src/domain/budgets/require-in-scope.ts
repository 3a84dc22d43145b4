import { type FieldProblem, invalidRequest } from '../../platform/errors.ts';
import type { Sql } from '../../platform/postgres/database.ts';
import type { Caller } from '../access/caller.ts';
import type { BudgetScope } from './budget.ts';

const QUERY = `
  SELECT $2::uuid IS NULL OR EXISTS (
           SELECT FROM teams t WHERE t.organization_id = $1 AND t.id = $2 AND t.deleted_at IS NULL) AS has_team,
         $3::uuid IS NULL OR EXISTS (
           SELECT FROM api_keys k WHERE k.organization_id = $1 AND k.id = $3 AND k.revoked_at IS NULL
              AND ($4::uuid IS NULL OR k.team_id = $4)) AS has_key`;

/**
 * Refuses a scope that nothing can ever fit: a team or a key that the caller's organization does not
 * have, or that its key may not see, or that has ended. It runs under the organization's lock, which
 * the deletion of a team takes too: a budget is either made before it, and ends with the team, or is
 * refused.
 * @throws AppError invalid_request naming what there is not
 */
export async function requireInScope(sql: Sql, caller: Caller, { teamId, apiKeyId }: BudgetScope): Promise<void> {
  if (teamId === null && apiKeyId === null) return;
  const { rows } = await sql.query<{ has_team: boolean; has_key: boolean }>(QUERY, [
    caller.organization.id,
    teamId,
    apiKeyId,
    caller.teamId,
  ]);
  const problems: FieldProblem[] = [];
  if (!rows[0]?.has_team) problems.push({ path: 'scope.teamId', message: 'there is no such team' });
  if (!rows[0]?.has_key) problems.push({ path: 'scope.apiKeyId', message: 'there is no such API key' });
  if (problems.length > 0) throw invalidRequest(problems);
}
