import { AppError } from '../../platform/errors.ts';
import { plainDecimal } from '../../platform/money.ts';
import type { Caller } from '../access/caller.ts';

/** The refusal of what prepaid credits do not cover. Amounts are decimal strings in USD. */
export function insufficientCredits(required: string, available: string): AppError {
  const details = { required: plainDecimal(required), available: plainDecimal(available) };
  const message = `This needs ${details.required} USD of credits; ${details.available} are available.`;
  return new AppError('insufficient_credits', message, { details });
}

/**
 * A refusal as a caller may see it: credits are the organization's, so a key that is bound to a
 * team does not learn how much is left of them.
 */
export function hideBalance({ teamId }: Caller, error: unknown): unknown {
  if (teamId === null || !(error instanceof AppError) || error.code !== 'insufficient_credits') return error;
  const required = String(Object(error.details).required);
  const message = `This needs ${required} USD of credits, which the organization does not have left.`;
  return new AppError('insufficient_credits', message, { details: { required } });
}
