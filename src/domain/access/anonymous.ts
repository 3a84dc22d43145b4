import { AppError } from '../../platform/errors.ts';
import type { Caller } from './caller.ts';

/** The refusal of a request without an API key. */
export function missingApiKey(): AppError {
  return new AppError('invalid_api_key', 'Send your API key as "Authorization: Bearer mtr_live_...".');
}

/**
 * Whoever calls without a key, where that is allowed: to accept an invite. What asks for an
 * organization, a key or scopes is refused there and then, so that every verb is closed that does
 * not open itself.
 */
export const ANONYMOUS: Caller = Object.freeze({
  get organization(): never {
    throw missingApiKey();
  },
  get apiKeyId(): never {
    throw missingApiKey();
  },
  get apiKeyName(): never {
    throw missingApiKey();
  },
  get scopes(): never {
    throw missingApiKey();
  },
  get teamId(): never {
    throw missingApiKey();
  },
  get memberId(): never {
    throw missingApiKey();
  },
  get secretHash(): never {
    throw missingApiKey();
  },
  get otlpExclusiveInput(): never {
    throw missingApiKey();
  },
  get memberRole(): never {
    throw missingApiKey();
  },
  get expiresAt(): never {
    throw missingApiKey();
  },
});
