import { newUuid } from '../../platform/ids.ts';
import { execute, type Models, type Sql } from '../../platform/postgres/database.ts';
import { ANONYMOUS } from '../access/anonymous.ts';
import type { Caller } from '../access/caller.ts';
import { OPERATOR } from '../access/operator.ts';

/** Who makes a change: a request's context, or the server itself, which has neither. */
export interface Actor {
  caller: Caller | null;
  address: string | null;
}

/** The server, where nobody asked it for the change. */
export const SERVER: Actor = { caller: null, address: null };

/** A change, as the audit log tells it. */
export interface AuditedChange {
  /**
   * Whose log it goes to; by default the caller's. The operator and the server have none of their
   * own, and must say.
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
  /**
   * UUID of the entry, for a transaction that is run again where its answer was lost: the second
   * writes nothing.
   */
  id?: string;
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
  { caller, address }: Actor,
  change: AuditedChange,
): Promise<void> {
  const { action, targetId, before, after, atMs = Date.now() } = change;
  const key = caller === OPERATOR || caller === ANONYMOUS ? null : caller;
  const organizationId = change.organizationId ?? caller?.organization.id;
  if (organizationId === undefined) throw new Error('an audited change must say whose it is');
  await execute(
    transaction,
    `INSERT INTO audit_entries (organization_id, id, at, actor_key_id, actor_member_id, address, action, target_id,
                                before, after)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
    [
      organizationId,
      change.id ?? newUuid(atMs),
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
