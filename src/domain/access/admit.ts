import { AppError } from '../../platform/errors.ts';
import type { RateLimitState } from '../../platform/rate-limits/rate-limiter.ts';
import type { Resources } from '../context.ts';
import type { Caller } from './caller.ts';
import { identify } from './identify.ts';
import { rateLimitExceeded } from './limits/plan-limits.ts';
import { OPERATOR } from './operator.ts';

/** A caller at the door: known, counted, and perhaps over the plan's limit. */
export interface Admission {
  caller: Caller;
  /** Null: the plan has no limit, the counts cannot be had now, or it is the operator. */
  rateLimit: RateLimitState | null;
  /** Set: the request must be refused with this, and with the limit's headers. */
  refusal: AppError | null;
  /** As how many requests the plan has counted it so far. */
  requests: number;
}

const BEARER = 'Bearer ';
const AUTH_CODES = new Set(['invalid_api_key', 'expired_api_key']);

/** Null while the organization is active. */
function suspension({ organization }: Caller): AppError | null {
  if (organization.status === 'active') return null;
  return new AppError(
    'insufficient_permissions',
    'This organization is suspended. Its data is kept; ask the operator of this server to activate it again.',
  );
}

/** The caller behind a key that this process knows freshly; null when `identify` must be asked. */
function peekCaller(resources: Resources, authorization: string | null | undefined): Caller | null {
  if (!authorization?.startsWith(BEARER)) return null;
  const key = resources.apiKeys.peek(authorization.slice(BEARER.length));
  if (!key || key.revokedAt) return null;
  return key.validUntilMs <= resources.clock() ? null : key.caller;
}

/**
 * The same for a key that this process knows freshly, of an active organization whose plan has no
 * limit: the usual case, and no await.
 * @returns null when `admit` must be asked
 */
export function admitCached(resources: Resources, authorization: string | null | undefined): Admission | null {
  const caller = peekCaller(resources, authorization);
  if (!caller || resources.planLimits.isLimited(caller.organization.plan)) return null;
  if (caller.organization.status !== 'active') return null;
  resources.apiKeys.markUsed(caller.apiKeyId);
  return { caller, rateLimit: null, refusal: null, requests: 1 };
}

/** @throws AppError as `admit` does */
async function identifyCounted(
  resources: Resources,
  authorization: string | null | undefined,
  address: string,
): Promise<Caller> {
  try {
    return await identify(resources, authorization);
  } catch (error) {
    if (!(error instanceof AppError) || !AUTH_CODES.has(error.code)) throw error;
    throw (await resources.authFailures.count(address)) ?? error;
  }
}

async function knowCaller(
  resources: Resources,
  authorization: string | null | undefined,
  address: string,
): Promise<Caller> {
  const caller = peekCaller(resources, authorization);
  if (!caller) return identifyCounted(resources, authorization, address);
  resources.apiKeys.markUsed(caller.apiKeyId);
  return caller;
}

/**
 * Identifies who opens a connection that stays open. Plans count the operations on it, not the opening.
 * @throws AppError as `admit` does, insufficient_permissions (the organization is suspended)
 */
export async function admitConnection(
  resources: Resources,
  authorization: string | null | undefined,
  address: string,
): Promise<Caller> {
  const caller = await knowCaller(resources, authorization, address);
  const refusal = caller === OPERATOR ? null : suspension(caller);
  if (refusal) throw refusal;
  return caller;
}

/**
 * What every door does first: who is it, and has the plan room? Both doors call this and nothing
 * else, so they cannot differ. Failed authentication is limited by address. What a suspended
 * organization asks is counted like any other request, and refused.
 * @throws AppError invalid_api_key, expired_api_key, rate_limit_exceeded (too many failures from
 * this address, or nobody can count them)
 */
export async function admit(
  resources: Resources,
  authorization: string | null | undefined,
  address: string,
): Promise<Admission> {
  const caller = await knowCaller(resources, authorization, address);
  if (caller === OPERATOR) return { caller, rateLimit: null, refusal: null, requests: 1 };
  const rateLimit = await resources.planLimits.consume(caller.organization);
  const refusal = suspension(caller) ?? (rateLimit?.exceeded ? rateLimitExceeded(rateLimit, resources.clock()) : null);
  return { caller, rateLimit, refusal, requests: 1 };
}

/**
 * Counts a request that was admitted as `requests` in all, and updates its admission: by then it
 * may have to be refused.
 */
export async function countMore(resources: Resources, admission: Admission, requests: number): Promise<void> {
  const { caller } = admission;
  const more = requests - admission.requests;
  if (more <= 0 || admission.rateLimit === null || caller === OPERATOR) return;
  admission.requests = requests;
  admission.rateLimit = await resources.planLimits.consume(caller.organization, more);
  if (admission.rateLimit?.exceeded) admission.refusal = rateLimitExceeded(admission.rateLimit, resources.clock());
}
