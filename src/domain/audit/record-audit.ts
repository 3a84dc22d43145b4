import { newUuid } from '../../platform/ids.ts';
import { execute, type Models, type Sql } from '../../platform/postgres/database.ts';
import { ANONYMOUS } from '../access/anonymous.ts';
import { OPERATOR } from '../access/operator.ts';
import type { Context } from '../context.ts';

/** A change, as the audit log tells it. */
export interface AuditedChange {
  /**
   * Whose log it goes to; by default the caller's. The operator has none of its own, and must say.
   */
  organizationId?: string;
  /** Noun and past participle: `team.created`. */
  action: string;
  /** TypeID. */
  targetId: string;
  /** Plain data in camelCase, ids as TypeIDs, and never a secret. Null: it was not there. */
  before: object | null;
  /** Null: it is gone. */
  after: object | null;
  /** Milliseconds since 1970; by default now. */
  atMs?: number;
  /** UUID of the member who made it, where it was made without a key. */
  actorMemberId?: string;
}

const toJson = (value: object | null) => (value === null ? null : JSON.stringify(value));

/**
 * Writes one entry of the audit log, in the transaction of the change itself: neither is there
 * without the other. It tells who made the change: the key, its member, and the address.
 */
export async function recordAudit(
  transaction: Sql | Models,
  { caller, address }: Pick<Context, 'caller' | 'address'>,
  change: AuditedChange,
): Promise<void> {
  const { action, targetId, before, after, atMs = Date.now() } = change;
  const key = caller === OPERATOR || caller === ANONYMOUS ? null : caller;
  await execute(
    transaction,
    `INSERT INTO audit_entries (organization_id, id, at, actor_key_id, actor_member_id, address, action, target_id,
                                before, after)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      change.organizationId ?? caller.organization.id,
      newUuid(atMs),
      new Date(atMs),
      key?.apiKeyId ?? null,
      key?.memberId ?? change.actorMemberId ?? null,
      address,
      action,
      targetId,
      toJson(before),
      toJson(after),
    ],
  );
}
