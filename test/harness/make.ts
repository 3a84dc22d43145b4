import type pg from 'pg';
import { newApiKeySecret } from '../../src/domain/access/api-key-secret.ts';
import type { CreditsModeName, PlanName } from '../../src/domain/access/caller.ts';
import { type MemberRoleName, ROLE_SCOPES } from '../../src/domain/access/roles.ts';
import type { Scope } from '../../src/domain/access/scopes.ts';
import type { CreatedOrganization } from '../../src/domain/organizations/create-first-organization.ts';
import { formatId, newUuid } from '../../src/platform/ids.ts';
import type { Calls } from './calls.ts';

// What tests begin with, made without a door. `uuid` is the database's form of an id, `id` the
// wire's.

export interface MadeOrganization {
  uuid: string;
  id: string;
  /** The owner's key, scope `admin`. */
  key: MadeKey;
}

export interface MadeKey {
  uuid: string;
  id: string;
  secret: string;
}

export interface MadeTeam {
  uuid: string;
  id: string;
  name: string;
}

type WithSql = { sql: pg.Pool };

export function typeIdsOf({ organizationId, apiKeyId, secret }: CreatedOrganization): MadeOrganization {
  const idOf = (kind: 'organization' | 'apiKey', uuid: string) => (uuid === '' ? '' : formatId(kind, uuid));
  const key = { uuid: apiKeyId, id: idOf('apiKey', apiKeyId), secret };
  return { uuid: organizationId, id: idOf('organization', organizationId), key };
}

export interface OrganizationOptions {
  name?: string;
  /** Default enterprise: nothing limits it. */
  plan?: PlanName;
  credits?: CreditsModeName;
  retentionDays?: number;
}

export async function makeOrganization(
  { sql }: WithSql,
  { name = 'Another', plan = 'enterprise', credits = 'none', retentionDays }: OrganizationOptions = {},
): Promise<MadeOrganization> {
  const uuid = newUuid();
  await sql.query(
    'INSERT INTO organizations (id, name, plan, credits_mode, retention_days) VALUES ($1, $2, $3, $4, $5)',
    [uuid, name, plan, credits, retentionDays ?? null],
  );
  const key = await makeKey({ sql }, { uuid }, { name: 'Owner', scopes: ['admin'] });
  return { uuid, id: formatId('organization', uuid), key };
}

export interface TeamOptions {
  name?: string;
  deleted?: boolean;
}

export async function makeTeam(
  { sql }: WithSql,
  { uuid: organizationId }: Pick<MadeOrganization, 'uuid'>,
  { name, deleted = false }: TeamOptions = {},
): Promise<MadeTeam> {
  const uuid = newUuid();
  // Names are unique in an organization.
  const ownName = name ?? `Research ${uuid}`;
  const values = [uuid, organizationId, ownName, deleted ? new Date() : null];
  await sql.query('INSERT INTO teams (id, organization_id, name, deleted_at) VALUES ($1, $2, $3, $4)', values);
  return { uuid, id: formatId('team', uuid), name: ownName };
}

export interface MadeMemberRow {
  uuid: string;
  id: string;
  team: Pick<MadeTeam, 'uuid'>;
}

export interface MemberRowOptions {
  /** Default owner. */
  role?: MemberRoleName;
  /** Default: a new one. */
  team?: Pick<MadeTeam, 'uuid'>;
}

/** A member without a key. */
export async function makeMemberRow(
  { sql }: WithSql,
  organization: Pick<MadeOrganization, 'uuid'>,
  { role = 'owner', team }: MemberRowOptions = {},
): Promise<MadeMemberRow> {
  const uuid = newUuid();
  const ownTeam = team ?? (await makeTeam({ sql }, organization));
  await sql.query(
    `INSERT INTO members (id, organization_id, team_id, email, name, role) VALUES ($1, $2, $3, $4, 'Ada', $5)`,
    [uuid, organization.uuid, ownTeam.uuid, `${uuid}@example.test`, role],
  );
  return { uuid, id: formatId('member', uuid), team: ownTeam };
}

export interface KeyOptions {
  /** Default: none. */
  scopes?: readonly Scope[];
  team?: Pick<MadeTeam, 'uuid'> | null;
  /** Whose key it is; then it is bound to the member's team. */
  member?: Pick<MadeMemberRow, 'uuid' | 'team'> | null;
  expiresAt?: Date | null;
  revoked?: boolean;
  name?: string;
}

export async function makeKey(
  { sql }: WithSql,
  { uuid: organizationId }: Pick<MadeOrganization, 'uuid'>,
  {
    scopes = [],
    member = null,
    team = member?.team ?? null,
    expiresAt = null,
    revoked = false,
    name = 'Made by a test',
  }: KeyOptions = {},
): Promise<MadeKey> {
  const uuid = newUuid();
  const { secret, hash, hint } = newApiKeySecret();
  const revokedAt = revoked ? new Date() : null;
  await sql.query(
    `INSERT INTO api_keys (id, organization_id, team_id, member_id, name, secret_hash, hint, scopes, expires_at, revoked_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      uuid,
      organizationId,
      team?.uuid ?? null,
      member?.uuid ?? null,
      name,
      Buffer.from(hash),
      hint,
      scopes,
      expiresAt,
      revokedAt,
    ],
  );
  return { uuid, id: formatId('apiKey', uuid), secret };
}

export interface MadeMember {
  uuid: string;
  id: string;
  email: string;
  /** Its own key, with all that the role may. */
  key: MadeKey;
}

/** A member as accepting an invite makes it. */
export async function makeMember(
  { sql }: WithSql,
  organization: Pick<MadeOrganization, 'uuid'>,
  team: Pick<MadeTeam, 'uuid'>,
  role: MemberRoleName,
  name = `Made as ${role}`,
): Promise<MadeMember> {
  const uuid = newUuid();
  const email = `${uuid}@example.com`;
  const key = await makeKey({ sql }, organization, { scopes: ROLE_SCOPES[role], team, name });
  await sql.query(
    `INSERT INTO members (id, organization_id, team_id, email, name, role, own_key_id)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [uuid, organization.uuid, team.uuid, email, name, role, key.uuid],
  );
  await sql.query('UPDATE api_keys SET member_id = $2 WHERE id = $1', [key.uuid, uuid]);
  return { uuid, id: formatId('member', uuid), email, key };
}

/** An event in REST's spelling that is priced at 0.0075. */
export const EVENT = { provider: 'openai', model: 'gpt-4o', input_tokens: 1000, output_tokens: 500 } as const;
/** The same in GraphQL's. */
export const EVENT_INPUT = { provider: 'openai', model: 'gpt-4o', inputTokens: 1000, outputTokens: 500 } as const;
export const EVENT_COST = '0.0075';

const BATCH = 1_000;

/**
 * Records events, each `EVENT` with what is given, and returns their ids in order. @throws Error
 * when one is refused
 */
export async function makeUsage(
  { ok }: Pick<Calls, 'ok'>,
  key: string,
  events: readonly object[] = [{}],
): Promise<string[]> {
  const ids: string[] = [];
  for (let from = 0; from < events.length; from += BATCH) {
    const body = { events: events.slice(from, from + BATCH).map((event) => ({ ...EVENT, ...event })) };
    const answer = await ok<{ data: { id: string; status: string }[] }>('POST', '/v1/usage/batch', { key, body });
    for (const item of answer.data) {
      if (item.status !== 'created') throw new Error(`not created: ${JSON.stringify(item)}`);
      ids.push(item.id);
    }
  }
  return ids;
}
