import type { Prisma } from '../../../prisma/generated/client/client.ts';
import { formatId } from '../../platform/ids.ts';
import { type Page, type PageInput, parseUuidCursor, readPageSize } from '../../platform/page.ts';
import type { Caller } from '../access/caller.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';

export const AUDIT_CURSOR = 'audit';

/** One change, as it was made. */
export interface AuditEntry {
  organizationId: string;
  id: string;
  at: Date;
  /** Null: the operator. */
  actorKeyId: string | null;
  /** The member whose key it was. */
  actorMemberId: string | null;
  /** Where the request came from. */
  address: string | null;
  action: string;
  targetId: string;
  before: Prisma.JsonValue;
  after: Prisma.JsonValue;
}

/**
 * The tenant wall of the audit log. A key that is bound to a team sees what was done to that team
 * itself.
 */
export function whereAudit(caller: Caller): Prisma.AuditEntryWhereInput {
  const organizationId = caller.organization.id;
  return caller.teamId === null ? { organizationId } : { organizationId, targetId: formatId('team', caller.teamId) };
}

/**
 * What was changed, newest first.
 * @throws AppError invalid_request, insufficient_permissions
 */
export async function listAuditEntries(context: Context, question: PageInput): Promise<Page<AuditEntry>> {
  requireScope(context.caller, 'admin');
  const size = readPageSize(question.first);
  const after = parseUuidCursor(AUDIT_CURSOR, question.after);
  const found = await context.resources.database.prisma.auditEntry.findMany({
    where: { AND: whereAudit(context.caller), ...(after === null ? {} : { id: { lt: after } }) },
    orderBy: { id: 'desc' },
    take: size + 1,
  });
  return { items: found.slice(0, size), hasMore: found.length > size };
}
