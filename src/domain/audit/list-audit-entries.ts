import type { Prisma } from '../../../prisma/generated/client/client.ts';
import { formatId } from '../../platform/ids.ts';
import { type Page, type PageInput, parseUuidCursor, readPageSize } from '../../platform/page.ts';
import type { Caller } from '../access/caller.ts';
import { requireScope } from '../access/require-scope.ts';
import type { Context } from '../context.ts';
import { type AuditFilter, whereAuditEntries } from './audit-filter.ts';

export const AUDIT_CURSOR = 'audit';

/** One change, as it was made. */
export interface AuditEntry {
  organizationId: string;
  id: string;
  at: Date;
  /** Null where the operator made the change, or the server itself, which has no `address` either. */
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

const COLUMNS = `organization_id AS "organizationId", id, at, actor_key_id AS "actorKeyId",
  actor_member_id AS "actorMemberId", address, action, target_id AS "targetId", before, after`;

/** The tenant wall of one entry, as `auditWall` is that of the list. */
export function whereAudit(caller: Caller): Prisma.AuditEntryWhereInput {
  const organizationId = caller.organization.id;
  return caller.teamId === null ? { organizationId } : { organizationId, targetId: formatId('team', caller.teamId) };
}

/**
 * What was changed, newest first. Each filter alone, with a range of time, reads no more entries than
 * the page has; of several the narrowest is read, within the time that a read may take.
 * @throws AppError invalid_request, insufficient_permissions
 */
export async function listAuditEntries(
  { caller, resources }: Context,
  question: PageInput & AuditFilter,
): Promise<Page<AuditEntry>> {
  requireScope(caller, 'admin');
  const size = readPageSize(question.first);
  const after = parseUuidCursor(AUDIT_CURSOR, question.after);
  const { config, database } = resources;
  const found = await database.snapshot(
    async (sql) => {
      const filtered = await whereAuditEntries(sql, caller, question);
      const { text, values } = after === null ? filtered : filtered.and('id < $?::uuid', after);
      const { rows } = await sql.query<AuditEntry>(
        `SELECT ${COLUMNS} FROM audit_entries WHERE ${text} ORDER BY id DESC LIMIT ${size + 1}`,
        values,
      );
      return rows;
    },
    { timeoutMs: config.readTimeoutSeconds * 1_000 },
  );
  return { items: found.slice(0, size), hasMore: found.length > size };
}
