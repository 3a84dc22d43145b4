import type { Caller, CreditsByName, CreditsModeName, OrganizationStatusName, PlanName } from './caller.ts';
import { type MemberRoleName, ROLE_SCOPES } from './roles.ts';
import { isScope, type Scope } from './scopes.ts';

/** A key as stored, with its organization. */
export interface StoredApiKey {
  caller: Caller;
  revokedAt: Date | null;
}

/** What `API_KEY_COLUMNS` selects. */
export interface ApiKeyRow {
  id: string;
  name: string;
  secret_hash: Buffer;
  scopes: string[];
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

/** The columns of a key `k`, its organization `o` and its member `m`, who may be missing. */
export const API_KEY_COLUMNS = `
  k.id, k.name, k.secret_hash, k.scopes, k.team_id, k.member_id, m.role AS member_role, k.expires_at, k.revoked_at, o.id AS organization_id,
  o.name AS organization_name, o.plan, o.credits_mode, o.credits_by, o.status AS organization_status, o.retention_days,
  o.created_at AS organization_created_at`;

/** What the key may do: what it holds, within the role of its member. */
function scopesOf({ scopes, member_role: role }: ApiKeyRow): ReadonlySet<Scope> {
  const held = scopes.filter(isScope);
  return new Set(role === null ? held : held.filter((scope) => ROLE_SCOPES[role].includes(scope)));
}

export function readApiKey(row: ApiKeyRow): StoredApiKey {
  return {
    revokedAt: row.revoked_at,
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
      scopes: scopesOf(row),
      teamId: row.team_id,
      memberId: row.member_id,
      memberRole: row.member_role,
      expiresAt: row.expires_at,
    },
  };
}
