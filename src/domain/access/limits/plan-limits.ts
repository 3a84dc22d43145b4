import { AppError } from '../../../platform/errors.ts';
import type { RateLimits } from '../../../platform/rate-limits/open-rate-limits.ts';
import {
  type RateLimiter,
  type RateLimitState,
  secondsUntilReset,
} from '../../../platform/rate-limits/rate-limiter.ts';

export type PlanName = 'free' | 'pro' | 'enterprise';

/** Whose requests are counted. */
export interface PlanHolder {
  /** UUID. */
  id: string;
  plan: PlanName;
}

/** Requests an hour, by plan; null = unlimited. A batch is one request. */
export type PlanRequests = Readonly<Record<PlanName, number | null>>;

/** Where METERR_PLAN_REQUESTS says nothing else. */
export const DEFAULT_PLAN_REQUESTS: PlanRequests = { free: 100, pro: 1_000, enterprise: null };

const PLANS = Object.keys(DEFAULT_PLAN_REQUESTS) as PlanName[];
const MAX_PLAN_REQUESTS = 1_000_000_000;
const UNLIMITED = 'unlimited';
const WINDOW_SECONDS = 3_600;

/** How METERR_PLAN_REQUESTS is written. */
export const PLAN_REQUESTS_FORM =
  `requests an hour by plan, such as free:100,pro:1000: each of ${PLANS.join(', ')} at most once, with a whole number ` +
  `from 1 to ${MAX_PLAN_REQUESTS} or "${UNLIMITED}"`;

function readLimit(text: string): number | null | undefined {
  if (text === UNLIMITED) return null;
  const limit = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  return limit >= 1 && limit <= MAX_PLAN_REQUESTS ? limit : undefined;
}

/** Reads `free:100,pro:unlimited`; other plans keep their defaults. Undefined: it is invalid. */
export function readPlanRequests(text: string): PlanRequests | undefined {
  const given = new Map<PlanName, number | null>();
  for (const part of text.split(',')) {
    const [name = '', value = '', ...more] = part.trim().split(':');
    const plan = PLANS.find((one) => one === name);
    const limit = readLimit(value);
    if (!plan || limit === undefined || more.length > 0 || given.has(plan)) return undefined;
    given.set(plan, limit);
  }
  return { ...DEFAULT_PLAN_REQUESTS, ...Object.fromEntries(given) };
}

/** Counts an organization's requests over all keys, doors and processes, by hours of the clock. */
export interface PlanLimits {
  isLimited(plan: PlanName): boolean;
  /**
   * Counts requests, one by default. Null where the plan has no limit, or the counts cannot be had:
   * limits are then open.
   */
  consume(organization: PlanHolder, requests?: number): Promise<RateLimitState | null>;
  peek(organization: PlanHolder): Promise<RateLimitState | null>;
}

/** One limiter a plan, over the same counts: a change of plan does not begin the hour anew. */
export function createPlanLimits(limits: RateLimits, requests: PlanRequests): PlanLimits {
  const limiters = new Map<PlanName, RateLimiter>();
  for (const plan of PLANS) {
    const limit = requests[plan];
    if (limit !== null) limiters.set(plan, limits.limiter({ name: 'plan', limit, windowSeconds: WINDOW_SECONDS }));
  }
  const unlimited = Promise.resolve(null);
  return {
    isLimited: (plan) => limiters.has(plan),
    consume: ({ id, plan }, calls) => limiters.get(plan)?.consume(id, calls) ?? unlimited,
    peek: ({ id, plan }) => limiters.get(plan)?.peek(id) ?? unlimited,
  };
}

/** The refusal of a request over the plan's limit. */
export function rateLimitExceeded(state: RateLimitState, nowMs: number): AppError {
  return new AppError('rate_limit_exceeded', `The plan allows ${state.limit} requests an hour.`, {
    details: { limit: state.limit, retryAfterSeconds: secondsUntilReset(state, nowMs) },
  });
}
