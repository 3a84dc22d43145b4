import { GraphQLError } from 'graphql';
import { AppError, cutText, ERROR_LIMITS, type FieldProblem } from '../../platform/errors.ts';
import type { Log } from '../../platform/log.ts';
import { isCancelled, isConnectionLoss, isDiskFull, isUnable } from '../../platform/postgres/pool/database-errors.ts';
import { literalPath } from './literal-path.ts';

const MASKED = 'The server failed to answer this request. Report the X-Request-Id of this answer to the operator.';

/** A server that cannot write is not mended within a second. */
const UNABLE_RETRY_SECONDS = 5;
/** What every request says again is logged once in so long. */
const REPEATED_MS = 60_000;

/** Places in the text that one error names: graphql-js lists every field of a conflict. */
const MAX_PLACES = 5;

/** Matches where graphql-js says which variable, or which part of it, has an invalid value. */
const VARIABLE_PATH = /^Variable "\$[^"]+" got invalid value .* at "([^"]+)"/s;

function findAppError(error: unknown): AppError | null {
  for (let inner = error; inner instanceof Error; ) {
    if (inner instanceof AppError) return inner;
    if (isConnectionLoss(inner)) {
      const options = { details: { retryAfterSeconds: 1 }, cause: inner };
      return new AppError('unavailable', 'The database cannot be reached. Try again.', options);
    }
    if (isUnable(inner)) {
      const options = { details: { retryAfterSeconds: UNABLE_RETRY_SECONDS }, cause: inner };
      return new AppError('unavailable', 'The database cannot do this at the moment. Try again later.', options);
    }
    if (isCancelled(inner)) {
      const options = { details: { retryAfterSeconds: 1 }, cause: inner };
      return new AppError('unavailable', 'The statement was cancelled before it ended. Try again.', options);
    }
    inner = inner instanceof GraphQLError ? inner.originalError : undefined;
  }
  return null;
}

/** Errors that were translated: both the executor and the door translate what they see. */
const translated = new WeakSet<GraphQLError>();

/** Whether GraphQL itself refused the request: its syntax, a rule, or a value of a wrong type. */
function isRequestError(error: GraphQLError): boolean {
  return (
    error.originalError === undefined || error.originalError === null || error.originalError instanceof GraphQLError
  );
}

/**
 * Translates any failure into what callers may see. An AppError keeps its code, message and details.
 * A lost connection to the database or a cancelled statement becomes `unavailable`, and invalid
 * GraphQL becomes `invalid_request`. Everything else is logged with the request id and masked as
 * `internal_error`.
 */
export function translateError(error: unknown, log: Log, requestId: string): GraphQLError {
  if (error instanceof GraphQLError && translated.has(error)) return error;
  const result = translate(error, log, requestId);
  // Errors of compiled operations have the location of the field, but not its node.
  if (error instanceof GraphQLError && error.locations && !result.locations) {
    Object.defineProperty(result, 'locations', { value: error.locations, enumerable: true });
  }
  translated.add(result);
  return result;
}

let fullSinceMs = Number.NEGATIVE_INFINITY;

/** A full disk fails every request, and its log may lie on the same disk. */
function logCause(log: Log, requestId: string, { cause, code, message }: AppError): void {
  if (isDiskFull(cause)) {
    const nowMs = performance.now();
    if (nowMs - fullSinceMs < REPEATED_MS) return;
    fullSinceMs = nowMs;
    log.error({ requestId }, 'the disk of the database is full: nothing can be recorded until there is room');
    return;
  }
  log.warn({ err: cause, requestId, code }, message);
}

function translate(error: unknown, log: Log, requestId: string): GraphQLError {
  const known = findAppError(error);
  const at =
    error instanceof GraphQLError
      ? {
          nodes: error.nodes?.slice(0, MAX_PLACES),
          path: error.path,
          source: error.source,
          positions: error.positions?.slice(0, MAX_PLACES),
        }
      : {};
  if (known) {
    if (known.cause) logCause(log, requestId, known);
    const http = error instanceof GraphQLError ? error.extensions?.http : undefined;
    const extensions = {
      ...(http ? { http } : {}),
      code: known.code,
      ...(known.details ? { details: known.details } : {}),
    };
    return new GraphQLError(known.message, { ...at, extensions });
  }
  if (error instanceof GraphQLError && isRequestError(error)) {
    // Yoga takes the status from `http` and removes it from the answer.
    const { http } = error.extensions ?? {};
    const literal = literalPath(error);
    const path = VARIABLE_PATH.exec(error.message)?.[1] ?? (literal || error.path?.join('.')) ?? '';
    const said = cutText(error.message);
    const details = { fields: [{ path: cutText(path, ERROR_LIMITS.pathCharacters), message: said }] };
    const message = literal ? cutText(`${literal}: ${error.message}`) : said;
    return new GraphQLError(message, { ...at, extensions: { http, code: 'invalid_request', details } });
  }
  log.error({ err: error, requestId }, 'unexpected error');
  return new GraphQLError(MASKED, { ...at, extensions: { code: 'internal_error' } });
}

function fieldsOf({ extensions }: GraphQLError): FieldProblem[] {
  const { fields } = Object(extensions.details) as { fields?: FieldProblem[] };
  return Array.isArray(fields) ? fields : [];
}

/**
 * Translates the errors of one answer: at most 20 of them, and one that says how many more there
 * are. Of their fields the first 20 are named, and one for each error.
 */
export function translateErrors(errors: readonly Error[], log: Log, requestId: string): GraphQLError[] {
  const { problems } = ERROR_LIMITS;
  let room: number = problems;
  const named = errors.slice(0, problems).map((error) => {
    const result = translateError(error, log, requestId);
    const fields = fieldsOf(result);
    const kept = fields.slice(0, Math.max(1, room));
    room -= kept.length;
    if (kept.length < fields.length) result.extensions.details = { ...Object(result.extensions.details), fields: kept };
    return result;
  });
  const left = errors.length - named.length;
  if (left === 0) return named;
  const more = new GraphQLError(`There are ${left} more problems.`, { extensions: { code: 'invalid_request' } });
  translated.add(more);
  return [...named, more];
}
