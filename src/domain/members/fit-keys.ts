import { formatId } from '../../platform/ids.ts';
import type { Models } from '../../platform/postgres/database.ts';
import { type MemberRoleName, ROLE_SCOPES } from '../access/roles.ts';
import { recordAudit } from '../audit/record-audit.ts';
import type { Context } from '../context.ts';
import type { MemberRow } from './member.ts';

/**
 * Fits a member's keys to a new role. The key that accepting the invite made holds what the role
 * may. Every other key was made with scopes of its own choice: it loses what the role may not, for
 * good, so that a later promotion does not quietly widen a key that was handed to a program.
 */
export async function fitKeysToRole(
  models: Models,
  context: Context,
  member: MemberRow,
  role: MemberRoleName,
  atMs: number,
): Promise<void> {
  const allowed: readonly string[] = ROLE_SCOPES[role];
  const keys = await models.apiKey.findMany({
    where: { organizationId: context.caller.organization.id, memberId: member.id, revokedAt: null },
    select: { id: true, scopes: true },
  });
  for (const { id, scopes } of keys) {
    const fitting = id === member.ownKeyId ? [...allowed] : scopes.filter((scope) => allowed.includes(scope));
    if (fitting.length === scopes.length && fitting.every((scope) => scopes.includes(scope))) continue;
    await models.apiKey.update({ where: { id }, data: { scopes: fitting } });
    const [targetId, before, after] = [formatId('apiKey', id), { scopes }, { scopes: fitting }];
    await recordAudit(models, context, { action: 'api_key.updated', targetId, before, after, atMs });
  }
}

/** Revokes the keys of a member. */
export async function revokeMemberKeys(
  models: Models,
  context: Context,
  memberId: string,
  atMs: number,
): Promise<void> {
  const revoked = await models.apiKey.updateManyAndReturn({
    where: { organizationId: context.caller.organization.id, memberId, revokedAt: null },
    data: { revokedAt: new Date(atMs) },
    select: { id: true, name: true },
  });
  for (const { id, name } of revoked) {
    const targetId = formatId('apiKey', id);
    await recordAudit(models, context, { action: 'api_key.revoked', targetId, before: { name }, after: null, atMs });
  }
}
