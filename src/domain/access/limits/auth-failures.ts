import { AppError } from '../../../platform/errors.ts';
import type { RateLimits } from '../../../platform/rate-limits/open-rate-limits.ts';
import { secondsUntilReset } from '../../../platform/rate-limits/rate-limiter.ts';

const WINDOW_SECONDS = 60;
/**
 * The number of addresses that the store is asked about at the same time. In a flood from more
 * addresses, the others are refused without asking the store.
 */
const MAX_ADDRESSES_UNDER_WAY = 100;
/** When to come again after a refusal for which nothing was counted. */
const RETRY_SECONDS = 5;

/**
 * Limits failed authentication by address, over all doors and processes: a wrong key, or the token of no
 * open invite.
 */
export interface AuthFailures {
  /**
   * Counts a failure. @returns the refusal where the address has had too many, or where that cannot
   * be known: this limit is closed while the store is down
   */
  count(address: string): Promise<AppError | null>;
}

function refusal(message: string, retryAfterSeconds: number): AppError {
  return new AppError('rate_limit_exceeded', message, { details: { retryAfterSeconds } });
}

export function createAuthFailures(limits: RateLimits, perMinute: number, clock: () => number): AuthFailures {
  const limiter = limits.limiter({
    name: 'auth',
    limit: perMinute,
    windowSeconds: WINDOW_SECONDS,
    maxKeys: MAX_ADDRESSES_UNDER_WAY,
  });
  return {
    async count(address) {
      const state = await limiter.consume(address);
      if (state === null) {
        return refusal('The API key or invite is wrong, and how many wrong ones came is not known now.', RETRY_SECONDS);
      }
      if (!state.exceeded) return null;
      const message = 'Too many requests with a wrong API key or invite came from this address.';
      return refusal(message, secondsUntilReset(state, clock()));
    },
  };
}
