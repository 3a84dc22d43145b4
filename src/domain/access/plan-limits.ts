import type pg from 'pg';
import { AppError } from '../../platform/errors.ts';
import { createSharedRateLimiter, type RateLimiter, type RateLimitState } from '../../platform/rate-limiter.ts';
import type { Caller, PlanName } from './caller.ts';

/** Requests an hour, by plan; null = unlimited. A batch is one request. */
export const PLAN_REQUESTS_PER_HOUR: Readonly<Record<PlanName, number | null>> = {
  free: 100,
  pro: 1_000,
  enterprise: null,
};

const WINDOW_SECONDS = 3_600;

/** Counts an organization's requests over all keys, doors and processes. */
export interface PlanLimits {
  /** Counts requests, one by default. Null where the plan has no limit. */
  consume(caller: Caller, requests?: number): Promise<RateLimitState | null>;
  peek(caller: Caller): Promise<RateLimitState | null>;
}

/** One limiter a plan, over one table. */
export function createPlanLimits(pool: pg.Pool): PlanLimits {
  const limiters = new Map<PlanName, RateLimiter>();
  for (const [plan, points] of Object.entries(PLAN_REQUESTS_PER_HOUR) as [PlanName, number | null][]) {
    if (points !== null) limiters.set(plan, createSharedRateLimiter(pool, points, WINDOW_SECONDS));
  }
  return {
    consume: async ({ organization }, requests) =>
      limiters.get(organization.plan)?.consume(organization.id, requests) ?? null,
    peek: async ({ organization }) => limiters.get(organization.plan)?.peek(organization.id) ?? null,
  };
}

/** The refusal of a request over the plan's limit. */
export function rateLimitExceeded(state: RateLimitState, nowMs: number): AppError {
  const retryAfterSeconds = Math.max(1, Math.ceil((state.resetMs - nowMs) / 1000));
  return new AppError('rate_limit_exceeded', `The plan allows ${state.limit} requests an hour.`, {
    details: { limit: state.limit, retryAfterSeconds },
  });
}
