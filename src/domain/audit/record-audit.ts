import { newUuid } from '../../platform/ids.ts';
import { execute, type Models, type Sql } from '../../platform/postgres/database.ts';
import type { Caller } from '../access/caller.ts';
import { OPERATOR } from '../access/operator.ts';

/** A change, as the audit log tells it. */
export interface AuditedChange {
  caller: Caller;
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
}

const toJson = (value: object | null) => (value === null ? null : JSON.stringify(value));

/**
 * Writes one entry of the audit log, in the transaction of the change itself: neither is there
 * without the other.
 */
export async function recordAudit(transaction: Sql | Models, change: AuditedChange): Promise<void> {
  const { caller, action, targetId, before, after, atMs = Date.now() } = change;
  await execute(
    transaction,
    `INSERT INTO audit_entries (organization_id, id, at, actor_key_id, action, target_id, before, after)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      change.organizationId ?? caller.organization.id,
      newUuid(atMs),
      new Date(atMs),
      caller === OPERATOR ? null : caller.apiKeyId,
      action,
      targetId,
      toJson(before),
      toJson(after),
    ],
  );
}
