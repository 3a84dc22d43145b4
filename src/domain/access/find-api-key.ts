import { timingSafeEqual } from 'node:crypto';
import type { Sql } from '../../platform/postgres/database.ts';
import type { Caller, CreditsModeName, PlanName } from './caller.ts';
import { isScope } from './scopes.ts';

/** A key as stored, with its organization. */
export interface StoredApiKey {
  caller: Caller;
  revokedAt: Date | null;
}

interface Row {
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

/**
 * Every request whose key is not cached waits for this: one prepared join, not Prisma's client in
 * between.
 */
const QUERY = `
  SELECT k.id, k.name, k.secret_hash, k.scopes, k.team_id, k.expires_at, k.revoked_at,
         o.id AS organization_id, o.name AS organization_name, o.plan, o.credits_mode, o.retention_days,
         o.created_at AS organization_created_at
    FROM api_keys k JOIN organizations o ON o.id = k.organization_id
   WHERE k.secret_hash = ANY($1::bytea[])`;

function readKey(row: Row): StoredApiKey {
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

/**
 * The keys with these SHA-256 hashes, in their order; null where there is none. The index finds
 * them; the last word is a comparison in constant time.
 */
export async function findApiKeys(sql: Sql, hashes: readonly Uint8Array[]): Promise<(StoredApiKey | null)[]> {
  const values = [hashes.map((hash) => Buffer.from(hash))];
  const { rows } = await sql.query<Row>({ name: 'find-api-keys', text: QUERY, values });
  const found = new Map(rows.map((row) => [row.secret_hash.toString('latin1'), row]));
  return hashes.map((hash) => {
    const row = found.get(Buffer.from(hash).toString('latin1'));
    return row?.secret_hash.length === hash.length && timingSafeEqual(row.secret_hash, hash) ? readKey(row) : null;
  });
}
