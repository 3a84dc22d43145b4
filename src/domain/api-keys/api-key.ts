import type { ApiKey, Prisma } from '../../../prisma/generated/client/client.ts';
import { AppError } from '../../platform/errors.ts';
import { formatId, parseId } from '../../platform/ids.ts';
import type { Models } from '../../platform/postgres/database.ts';
import { DAY_MS } from '../../platform/time.ts';
import type { Caller } from '../access/caller.ts';
import { whereApiKeys } from '../access/where-api-keys.ts';

export type { ApiKey };

/** A key with the secret that was just made for it. The secret is shown this once. */
export interface ApiKeyWithSecret extends ApiKey {
  secret: string;
}

/** Keys of an organization that are neither revoked nor expired. */
export const MAX_LIVING_KEYS = 10_000;
/** For so long lists show a key after it was revoked or has expired. */
export const ENDED_LISTED_DAYS = 90;

const COUNT = new Intl.NumberFormat('en-US');

/** The keys that lists show, see {@link ENDED_LISTED_DAYS}. */
export function whereListed(caller: Caller, nowMs: number): Prisma.ApiKeyWhereInput {
  const after = new Date(nowMs - ENDED_LISTED_DAYS * DAY_MS);
  return {
    AND: [
      whereApiKeys(caller),
      { OR: [{ revokedAt: null }, { revokedAt: { gt: after } }] },
      { OR: [{ expiresAt: null }, { expiresAt: { gt: after } }] },
    ],
  };
}

type Ends = Pick<ApiKey, 'revokedAt' | 'expiresAt'>;

/** Whether a key has expired. A revoked one may have. */
export function isExpired({ expiresAt }: Pick<Ends, 'expiresAt'>, nowMs: number): boolean {
  return expiresAt !== null && expiresAt.getTime() <= nowMs;
}

/** Whether a key is neither revoked nor expired. */
export function isLiving(key: Ends, nowMs: number): boolean {
  return key.revokedAt === null && !isExpired(key, nowMs);
}

/** Until when the secret before the last rotation is accepted; null: it is not, or there is none. */
export function oldSecretUntil(key: Ends & Pick<ApiKey, 'previousSecretUntil'>, nowMs: number): Date | null {
  const { previousSecretUntil: until, expiresAt } = key;
  if (until === null || until.getTime() <= nowMs || !isLiving(key, nowMs)) return null;
  return expiresAt !== null && expiresAt < until ? expiresAt : until;
}

/** What the audit log tells of a key, in the words of the doors. */
export function describeKey(key: ApiKey) {
  const { name, scopes, teamId, memberId, expiresAt, otlpExclusiveInput: exclusiveInput } = key;
  return {
    name,
    scopes,
    teamId: teamId && formatId('team', teamId),
    memberId: memberId && formatId('member', memberId),
    expiresAt,
    otlp: { exclusiveInput },
  };
}

/**
 * A key by its TypeID, also one that ended long ago. Asks no scope: the verbs do.
 * @throws AppError not_found, the same for a key that is missing, another's, or that the caller's
 * key may not see
 */
export async function getVisibleKey(models: Models, caller: Caller, id: string): Promise<ApiKey> {
  const uuid = parseId('apiKey', id);
  const key = uuid && (await models.apiKey.findFirst({ where: { AND: whereApiKeys(caller), id: uuid } }));
  if (!key) throw new AppError('not_found', 'There is no API key with this id.');
  return key;
}

/**
 * Room for one more living key. It locks the organization's row until the transaction ends, so that
 * of keys made at the same time each is counted; no other lock may be taken after it.
 * @throws AppError conflict
 */
export async function requireRoom(models: Models, organizationId: string, nowMs: number): Promise<void> {
  const now = new Date(nowMs);
  await models.$executeRaw`SELECT FROM organizations WHERE id = ${organizationId}::uuid FOR NO KEY UPDATE`;
  const [row] = await models.$queryRaw<{ living: number }[]>`
    SELECT ((SELECT count(*) FROM api_keys
              WHERE organization_id = ${organizationId}::uuid AND revoked_at IS NULL AND expires_at > ${now})
          + (SELECT count(*) FROM api_keys
              WHERE organization_id = ${organizationId}::uuid AND revoked_at IS NULL AND expires_at IS NULL))::int
           AS living`;
  if ((row?.living ?? 0) < MAX_LIVING_KEYS) return;
  const most = COUNT.format(MAX_LIVING_KEYS);
  throw new AppError('conflict', `An organization has at most ${most} API keys; revoke those that are not used.`);
}
