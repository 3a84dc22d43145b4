import type { Caller, CreditsByName, CreditsModeName, OrganizationStatusName, PlanName } from './caller.ts';
import { type MemberRoleName, ROLE_SCOPES } from './roles.ts';
import { isScope, type Scope } from './scopes.ts';

/** A key as one of its secrets finds it, with its organization. */
export interface StoredApiKey {
  caller: Caller;
  revokedAt: Date | null;
  /**
   * From this moment on the secret is refused, in epoch milliseconds: the key has expired, or it was
   * rotated and the grace of this secret is over. Infinity: never.
   */
  validUntilMs: number;
}

/** What `API_KEY_COLUMNS` selects. */
export interface ApiKeyRow {
  id: string;
  name: string;
  /** Of the secret that the key was found by. */
  found_hash: Buffer;
  /** Null: it is the newest secret. */
  secret_until: Date | null;
  scopes: string[];
  otlp_exclusive_input: boolean;
  team_id: string | null;
  member_id: string | null;
  member_role: MemberRoleName | null;
  expires_at: Date | null;
  revoked_at: Date | null;
  organization_id: string;
  organization_name: string;
  plan: PlanName;
  credits_mode: CreditsModeName;
  credits_by: CreditsByName;
  organization_status: OrganizationStatusName;
  retention_days: number | null;
  organization_created_at: Date;
}

/**
 * The keys `k` with a secret whose hash is in `$1`, which is the newest or the one before. Each half
 * is a look-up in a unique index.
 */
export const KEYS_BY_SECRET = `(
  SELECT *, secret_hash AS found_hash, NULL::timestamptz AS secret_until
    FROM api_keys WHERE secret_hash = ANY($1::bytea[])
  UNION ALL
  SELECT *, previous_secret_hash, previous_secret_until
    FROM api_keys WHERE previous_secret_hash = ANY($1::bytea[])) k`;

/** The columns of such a key `k`, its organization `o` and its member `m`, who may be missing. */
export const API_KEY_COLUMNS = `
  k.id, k.name, k.found_hash, k.secret_until, k.scopes, k.otlp_exclusive_input, k.team_id, k.member_id,
  m.role AS member_role, k.expires_at, k.revoked_at, o.id AS organization_id, o.name AS organization_name, o.plan,
  o.credits_mode, o.credits_by, o.status AS organization_status, o.retention_days,
  o.created_at AS organization_created_at`;

/** What a key may do: the scopes that it holds, within the role of its member. */
export function scopesWithin(scopes: readonly string[], role: MemberRoleName | null): ReadonlySet<Scope> {
  const held = scopes.filter(isScope);
  return new Set(role === null ? held : held.filter((scope) => ROLE_SCOPES[role].includes(scope)));
}

const timeOf = (end: Date | null) => end?.getTime() ?? Number.POSITIVE_INFINITY;

export function readApiKey(row: ApiKeyRow): StoredApiKey {
  return {
    revokedAt: row.revoked_at,
    validUntilMs: Math.min(timeOf(row.expires_at), timeOf(row.secret_until)),
    caller: {
      organization: {
        id: row.organization_id,
        name: row.organization_name,
        plan: row.plan,
        creditsMode: row.credits_mode,
        creditsBy: row.credits_by,
        status: row.organization_status,
        retentionDays: row.retention_days,
        createdAt: row.organization_created_at,
      },
      apiKeyId: row.id,
      apiKeyName: row.name,
      scopes: scopesWithin(row.scopes, row.member_role),
      teamId: row.team_id,
      memberId: row.member_id,
      memberRole: row.member_role,
      expiresAt: row.expires_at,
      // A copy: the driver's buffer is a part of a larger one, which would be kept with it.
      secretHash: new Uint8Array(row.found_hash),
      otlpExclusiveInput: row.otlp_exclusive_input,
    },
  };
}
