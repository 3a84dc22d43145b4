import type { Caller, CreditsModeName, PlanName } from './caller.ts';
import { isScope } from './scopes.ts';

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
  expires_at: Date | null;
  revoked_at: Date | null;
  organization_id: string;
  organization_name: string;
  plan: PlanName;
  credits_mode: CreditsModeName;
  retention_days: number | null;
  organization_created_at: Date;
}

/** The columns of a key `k` and its organization `o`. */
export const API_KEY_COLUMNS = `
  k.id, k.name, k.secret_hash, k.scopes, k.team_id, k.expires_at, k.revoked_at, o.id AS organization_id,
  o.name AS organization_name, o.plan, o.credits_mode, o.retention_days, o.created_at AS organization_created_at`;

export function readApiKey(row: ApiKeyRow): StoredApiKey {
  return {
    revokedAt: row.revoked_at,
    caller: {
      organization: {
        id: row.organization_id,
        name: row.organization_name,
        plan: row.plan,
        creditsMode: row.credits_mode,
        retentionDays: row.retention_days,
        createdAt: row.organization_created_at,
      },
      apiKeyId: row.id,
      apiKeyName: row.name,
      scopes: new Set(row.scopes.filter(isScope)),
      teamId: row.team_id,
      expiresAt: row.expires_at,
    },
  };
}
