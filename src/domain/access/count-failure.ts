import { AppError } from '../../platform/errors.ts';
import type { Resources } from '../context.ts';

/**
 * Counts a failed authentication of an address: a wrong key, or the token of no open invite.
 * @returns what to answer with: `failure`, or rate_limit_exceeded where there were too many
 */
export async function countFailure(resources: Resources, address: string, failure: AppError): Promise<AppError> {
  const failures = await resources.authFailures.consume(address);
  if (!failures.exceeded) return failure;
  const retryAfterSeconds = Math.max(1, Math.ceil((failures.resetMs - Date.now()) / 1000));
  return new AppError(
    'rate_limit_exceeded',
    'Too many requests with a wrong API key or invite came from this address.',
    {
      details: { retryAfterSeconds },
    },
  );
}
