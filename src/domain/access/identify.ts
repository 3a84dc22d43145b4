import { AppError } from '../../platform/errors.ts';
import type { Resources } from '../context.ts';
import { isApiKeySecret } from './api-key-secret.ts';
import type { Caller } from './caller.ts';
import { isOperatorKey, OPERATOR } from './operator.ts';

const BEARER = /^Bearer +(\S+) *$/i;

/** The secret in an `Authorization` header, or null where it holds none. */
export function readBearer(authorization: string): string | null {
  return BEARER.exec(authorization)?.[1] ?? null;
}

/**
 * Whose key is it? Asked again and again while a connection is open, which is no use of the key.
 * @param authorization the `Authorization` header, or what stands for it in a WebSocket's
 * connection_init
 * @throws AppError invalid_api_key, expired_api_key
 */
export async function findCaller(resources: Resources, authorization: string | null | undefined): Promise<Caller> {
  if (!authorization) {
    throw new AppError('invalid_api_key', 'Send your API key as "Authorization: Bearer mtr_live_...".');
  }
  const secret = readBearer(authorization);
  if (secret === null || !isApiKeySecret(secret)) {
    if (secret !== null && isOperatorKey(resources.config.operatorKey, secret)) return OPERATOR;
    throw new AppError('invalid_api_key', 'This is not a Meterr API key.');
  }
  const key = await resources.apiKeys.find(secret);
  if (!key || key.revokedAt) throw new AppError('invalid_api_key', 'This API key is unknown or was revoked.');
  const { expiresAt } = key.caller;
  if (expiresAt && expiresAt.getTime() <= resources.clock()) {
    throw new AppError('expired_api_key', `This API key expired at ${expiresAt.toISOString()}.`);
  }
  return key.caller;
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
