import { AppError } from '../../platform/errors.ts';
import type { Resources } from '../context.ts';
import { missingApiKey } from './anonymous.ts';
import { isApiKeySecret } from './api-key-secret.ts';
import type { Caller } from './caller.ts';
import { isOperatorKey, OPERATOR } from './operator.ts';
import type { StoredApiKey } from './stored-api-key.ts';

const BEARER = /^Bearer +(\S+) *$/i;

/** The secret in an `Authorization` header, or null where it holds none. */
export function readBearer(authorization: string): string | null {
  return BEARER.exec(authorization)?.[1] ?? null;
}

/**
 * The key that a secret opens now; `validUntilMs` says until when, if nobody changes the key. Asked
 * again, it says within a second what any process has changed. It does not count as a use.
 * @throws AppError invalid_api_key (unknown, revoked, or rotated and past its grace), expired_api_key
 */
export async function findValidKey({ apiKeys, clock }: Resources, secret: string): Promise<StoredApiKey> {
  const key = isApiKeySecret(secret) ? await apiKeys.find(secret) : null;
  if (!key || key.revokedAt) throw new AppError('invalid_api_key', 'This API key is unknown or was revoked.');
  const nowMs = clock();
  if (key.validUntilMs > nowMs) return key;
  const { expiresAt } = key.caller;
  if (expiresAt && expiresAt.getTime() <= nowMs) {
    throw new AppError('expired_api_key', `This API key expired at ${expiresAt.toISOString()}.`);
  }
  throw new AppError('invalid_api_key', 'This API key was rotated; its old secret is no longer accepted.');
}

/**
 * Finds the caller behind a key. It is asked again and again while a connection is open, so it does
 * not mark the key as used.
 * @param authorization the `Authorization` header, or what stands for it in a WebSocket's
 * connection_init
 * @throws AppError invalid_api_key, expired_api_key
 */
export async function findCaller(resources: Resources, authorization: string | null | undefined): Promise<Caller> {
  if (!authorization) throw missingApiKey();
  const secret = readBearer(authorization);
  if (secret === null || !isApiKeySecret(secret)) {
    if (secret !== null && isOperatorKey(resources.config.operatorKey, secret)) return OPERATOR;
    throw new AppError('invalid_api_key', 'This is not a Meterr API key.');
  }
  return (await findValidKey(resources, secret)).caller;
}

/**
 * Who is calling? Runs once at each door.
 * @throws as {@link findCaller}
 */
export async function identify(resources: Resources, authorization: string | null | undefined): Promise<Caller> {
  const caller = await findCaller(resources, authorization);
  if (caller !== OPERATOR) resources.apiKeys.markUsed(caller.apiKeyId);
  return caller;
}
