/** The closed list of failures a caller can be told of; each door has one translator to its own wire form. */
export const ERROR_CODES = [
  'invalid_request',
  'provider_rejected_credentials',
  'unsupported_provider',
  'invalid_api_key',
  'expired_api_key',
  'insufficient_credits',
  'budget_exceeded',
  'insufficient_permissions',
  'not_found',
  'idempotency_conflict',
  'conflict',
  'method_not_allowed',
  'payload_too_large',
  'unsupported_media_type',
  'rate_limit_exceeded',
  'internal_error',
  'provider_error',
  'unavailable',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** One refused field: `path` is dotted camelCase (`events.3.inputTokens`); REST respells it on its way out. */
export interface FieldProblem {
  path: string;
  message: string;
}

export interface AppErrorOptions {
  details?: Record<string, unknown>;
  cause?: unknown;
}

/** A failure with a public message. Anything else that is thrown is logged and masked as `internal_error`. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly details: Record<string, unknown> | undefined;

  constructor(code: ErrorCode, publicMessage: string, options: AppErrorOptions = {}) {
    super(publicMessage, { cause: options.cause });
    this.code = code;
    this.details = options.details;
  }
}

/** `invalid_request` naming every refused field. The message repeats the first, so that it helps on its own. */
export function invalidRequest(fields: FieldProblem[]): AppError {
  const first = fields[0];
  const more = fields.length > 1 ? ` (and ${fields.length - 1} more)` : '';
  const message = first ? `${first.path ? `${first.path}: ` : ''}${first.message}${more}` : 'The request is not valid.';
  return new AppError('invalid_request', message, { details: { fields } });
}

/** `invalid_request` for one field. */
export function invalidField(path: string, message: string): AppError {
  return invalidRequest([{ path, message }]);
}
