import { newUuid } from '../../platform/ids.ts';
import type { Sql } from '../../platform/postgres/database.ts';
import { newApiKeySecret } from '../access/api-key-secret.ts';
import type { CreditsModeName, PlanName } from '../access/caller.ts';
import type { Scope } from '../access/scopes.ts';

export interface NewOrganization {
  name: string;
  plan: PlanName;
  creditsMode: CreditsModeName;
}

export interface CreatedOrganization {
  organizationId: string;
  /** Of the owner's key, with the scope `admin`. */
  apiKeyId: string;
  /** Shown once: only its hash is stored. */
  secret: string;
}

export interface NewApiKey {
  organizationId: string;
  teamId: string | null;
  name: string;
  scopes: readonly Scope[];
  expiresAt: Date | null;
}

/** Writes a key and returns its id and secret. Asks nothing: the verbs that call it do. */
export async function insertApiKey(sql: Sql, key: NewApiKey): Promise<{ id: string; secret: string }> {
  const id = newUuid();
  const { secret, hash, hint } = newApiKeySecret();
  await sql.query(
    `INSERT INTO api_keys (id, organization_id, team_id, name, secret_hash, hint, scopes, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [id, key.organizationId, key.teamId, key.name, Buffer.from(hash), hint, [...key.scopes], key.expiresAt],
  );
  return { id, secret };
}

/** Writes an organization and its owner's key, in the caller's transaction. */
export async function insertOrganization(sql: Sql, organization: NewOrganization): Promise<CreatedOrganization> {
  const organizationId = newUuid();
  await sql.query('INSERT INTO organizations (id, name, plan, credits_mode) VALUES ($1, $2, $3, $4)', [
    organizationId,
    organization.name,
    organization.plan,
    organization.creditsMode,
  ]);
  const owner = { organizationId, teamId: null, name: 'Owner', scopes: ['admin' as const], expiresAt: null };
  const { id, secret } = await insertApiKey(sql, owner);
  return { organizationId, apiKeyId: id, secret };
}
