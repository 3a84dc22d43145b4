/**
 * The closed list of failures that a caller can receive, each with its HTTP status. Each door has
 * one translator to its own wire form.
 */
export const ERROR_STATUS = {
  invalid_request: 400,
  invalid_api_key: 401,
  expired_api_key: 401,
  insufficient_credits: 402,
  budget_exceeded: 402,
  insufficient_permissions: 403,
  not_found: 404,
  method_not_allowed: 405,
  idempotency_conflict: 409,
  conflict: 409,
  payload_too_large: 413,
  unsupported_media_type: 415,
  rate_limit_exceeded: 429,
  internal_error: 500,
  unavailable: 503,
} as const;

export type ErrorCode = keyof typeof ERROR_STATUS;

/** How much an error answer says, however much is wrong; docs/bounds.md has the reasons. */
export const ERROR_LIMITS = {
  /** Problems that are named; of the others only the number is. */
  problems: 20,
  messageCharacters: 300,
  pathCharacters: 200,
  /** Of all the reasons in the answer to one batch. */
  answerCharacters: 50_000,
} as const;

const ELLIPSIS = '...';

/** A text that may repeat what the caller sent, at most `max` characters long. */
export function cutText(text: string, max: number = ERROR_LIMITS.messageCharacters): string {
  return text.length <= max ? text : text.slice(0, max - ELLIPSIS.length).toWellFormed() + ELLIPSIS;
}

/**
 * One refused field: `path` is dotted camelCase (`events.3.inputTokens`); REST respells it on its
 * way out.
 */
export interface FieldProblem {
  path: string;
  message: string;
}

export interface AppErrorOptions {
  details?: Record<string, unknown>;
  cause?: unknown;
}

/**
 * A failure with a public message. Anything else that is thrown is logged and masked as
 * `internal_error`.
 */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly details: Record<string, unknown> | undefined;

  constructor(code: ErrorCode, publicMessage: string, options: AppErrorOptions = {}) {
    // What is unavailable repeats nothing that a caller sent, and at the start it tells the operator all.
    super(code === 'unavailable' ? publicMessage : cutText(publicMessage), { cause: options.cause });
    this.code = code;
    this.details = options.details;
  }
}

/**
 * `invalid_request` naming the refused fields, at most {@link ERROR_LIMITS}`.problems` of them;
 * `details.moreFields` is the number of the others. The message repeats the first, so that it helps
 * on its own.
 */
export function invalidRequest(fields: readonly FieldProblem[]): AppError {
  const named = fields.slice(0, ERROR_LIMITS.problems).map(({ path, message }) => ({
    path: cutText(path, ERROR_LIMITS.pathCharacters),
    message: cutText(message),
  }));
  const [first] = named;
  const more = fields.length > 1 ? ` (and ${fields.length - 1} more)` : '';
  const moreFields = fields.length - named.length;
  const message = first ? `${first.path ? `${first.path}: ` : ''}${first.message}` : 'The request is not valid.';
  const details = { fields: named, ...(moreFields > 0 ? { moreFields } : {}) };
  return new AppError('invalid_request', cutText(message, ERROR_LIMITS.messageCharacters - more.length) + more, {
    details,
  });
}

/** `invalid_request` for one field. */
export function invalidField(path: string, message: string): AppError {
  return invalidRequest([{ path, message }]);
}

const NO_ROOM = 'is refused too; this answer has no room for the reason: send it again when the others are mended';

/** The reason that one item of a batch was refused for. */
export interface ItemError {
  code: string;
  message: string;
  details?: unknown;
}

/**
 * Bounds the reasons in the answer to a batch: gives each error back as long as there is room, and
 * then one with the same code that is short.
 */
export function createErrorRoom(): (error: ItemError) => ItemError {
  let left: number = ERROR_LIMITS.answerCharacters;
  return (error) => {
    if (left > 0) left -= JSON.stringify([error.message, error.details]).length;
    return left > 0 ? error : { code: error.code, message: NO_ROOM, details: {} };
  };
}
