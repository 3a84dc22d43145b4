import { createHash, timingSafeEqual } from 'node:crypto';
import { AppError } from '../../platform/errors.ts';
import type { Caller } from './caller.ts';

function noOrganization(): AppError {
  return new AppError(
    'insufficient_permissions',
    'The operator key is for organizations and for grants of credits to them; it is in none itself. Use an API key.',
  );
}

/**
 * Whoever holds METERR_OPERATOR_KEY. It is a caller without organization, key, scopes or team: what
 * asks for one of them is refused there and then, so that an operation is closed to the operator
 * unless it asks {@link requireOperator}.
 */
export const OPERATOR: Caller = Object.freeze({
  get organization(): never {
    throw noOrganization();
  },
  get apiKeyId(): never {
    throw noOrganization();
  },
  get apiKeyName(): never {
    throw noOrganization();
  },
  get scopes(): never {
    throw noOrganization();
  },
  get teamId(): never {
    throw noOrganization();
  },
  get memberId(): never {
    throw noOrganization();
  },
  get memberRole(): never {
    throw noOrganization();
  },
  get expiresAt(): never {
    throw noOrganization();
  },
  get secretHash(): never {
    throw noOrganization();
  },
  get otlpExclusiveInput(): never {
    throw noOrganization();
  },
});

const hash = (text: string) => createHash('sha256').update(text).digest();

/**
 * Whether a secret is the operator's; never, where none is set. Compares hashes, in constant time.
 */
export function isOperatorKey(operatorKey: string | null, secret: string): boolean {
  return operatorKey !== null && timingSafeEqual(hash(operatorKey), hash(secret));
}

/**
 * The first line of the operator's verbs.
 * @throws AppError insufficient_permissions for every API key, also one with the scope `admin`
 */
export function requireOperator(caller: Caller): void {
  if (caller === OPERATOR) return;
  throw new AppError('insufficient_permissions', 'Only the operator key may do this; see METERR_OPERATOR_KEY.', {
    details: { requiredScope: 'operator' },
  });
}
