import { formatId } from '../../platform/ids.ts';
import type { Models } from '../../platform/postgres/database.ts';
import { requireScope } from '../access/require-scope.ts';
import { whereApiKeys } from '../access/where-api-keys.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import { lockTeam, requireWholeOrganization, type Team, whereTeams } from './team.ts';

/** Keys that are bound to the team could do nothing more: they end with it. */
async function revokeKeys(models: Models, context: Context, team: Team, atMs: number): Promise<void> {
  const revoked = await models.apiKey.updateManyAndReturn({
    where: { AND: whereApiKeys(context.caller), teamId: team.id, revokedAt: null },
    data: { revokedAt: new Date(atMs) },
    select: { id: true, name: true },
  });
  for (const { id, name } of revoked) {
    const targetId = formatId('apiKey', id);
    await recordAudit(models, context, { action: 'api_key.revoked', targetId, before: { name }, after: null, atMs });
  }
}

/** Its budgets have nothing left to count: they end with it. */
async function endBudgets(models: Models, context: Context, team: Team, atMs: number): Promise<void> {
  const endedAt = new Date(atMs);
  const ended = await models.$queryRaw<{ id: string; name: string }[]>`
    SELECT id, name FROM end_team_budgets(${context.caller.organization.id}::uuid, ${team.id}::uuid, ${endedAt})`;
  for (const { id, name } of ended) {
    const change = {
      action: 'budget.ended',
      targetId: formatId('budget', id),
      before: { name },
      after: { name, endedAt },
    };
    await recordAudit(models, context, { ...change, atMs });
  }
}

/** Its webhooks have nothing left to receive: they end with it. */
async function deleteWebhooks(models: Models, context: Context, team: Team, atMs: number): Promise<void> {
  const now = new Date(atMs);
  const ended = await models.$queryRaw<{ id: string; url: string }[]>`
    SELECT id, url FROM end_team_webhooks(${context.caller.organization.id}::uuid, ${team.id}::uuid, ${now})`;
  for (const { id, url } of ended) {
    const change = { action: 'webhook.deleted', targetId: formatId('webhook', id), before: { url }, after: null };
    await recordAudit(models, context, { ...change, atMs });
  }
}

/**
 * Deletes a team, revokes the keys that are bound to it ends its budgets and deletes its webhooks. Its usage stays, its
 * name is free again.
 * @param input.id TypeID of the team
 * @returns the team as it was, with `deletedAt`
 * @throws AppError not_found, insufficient_permissions (also for a key that is bound to a team)
 */
export async function deleteTeam(context: Context, input: { id: string }): Promise<Team> {
  const { caller, resources } = context;
  requireScope(caller, 'teams:write');
  requireWholeOrganization(caller);
  const atMs = resources.clock();
  const now = new Date(atMs);
  const deleted = await resources.database.change(async (models) => {
    // Whoever makes a budget looks for its team under this lock: it sees the team, and the budget
    // ends here, or it does not. It comes before the row's own lock, as it does for all others.
    await models.$executeRaw`SELECT lock_organization(${caller.organization.id}::uuid)`;
    const team = await lockTeam(models, caller, input.id);
    const gone = await models.team.update({
      where: { AND: whereTeams(caller), id: team.id },
      data: { deletedAt: now, updatedAt: now },
    });
    const before = { name: team.name };
    await recordAudit(models, context, { action: 'team.deleted', targetId: input.id, before, after: null, atMs });
    await revokeKeys(models, context, team, atMs);
    await endBudgets(models, context, team, atMs);
    await deleteWebhooks(models, context, team, atMs);
    return gone;
  });
  resources.changes.forget(deleted.organizationId);
  return deleted;
}
