import { GraphQLError } from 'graphql';
import { AppError } from '../../platform/errors.ts';
import type { Log } from '../../platform/log.ts';
import { isCancelled, isConnectionLoss } from '../../platform/postgres/database-errors.ts';

const MASKED = 'Something went wrong on our side. Quote the X-Request-Id of this answer to us.';

/** Where graphql-js says which variable, or which part of it, has a wrong value. */
const VARIABLE_PATH = /^Variable "\$[^"]+" got invalid value .* at "([^"]+)"/s;

function findAppError(error: unknown): AppError | null {
  for (let inner = error; inner instanceof Error; ) {
    if (inner instanceof AppError) return inner;
    if (isConnectionLoss(inner)) {
      const options = { details: { retryAfterSeconds: 1 }, cause: inner };
      return new AppError('unavailable', 'The database is out of reach. Try again.', options);
    }
    if (isCancelled(inner)) {
      const options = { details: { retryAfterSeconds: 1 }, cause: inner };
      return new AppError('unavailable', 'The statement was cancelled before it ended. Try again.', options);
    }
    inner = inner instanceof GraphQLError ? inner.originalError : undefined;
  }
  return null;
}

/** What was translated is not translated again, whichever way it goes on. */
const translated = new WeakSet<GraphQLError>();

/** Whether GraphQL itself refused the request: syntax, validation, or a value of a wrong type. */
function isRequestError(error: GraphQLError): boolean {
  return (
    error.originalError === undefined || error.originalError === null || error.originalError instanceof GraphQLError
  );
}

/**
 * Translates any failure into what callers may see: an AppError's own code, message and details;
 * `unavailable` where the database went away; `invalid_request` where the request was no valid
 * GraphQL; else `internal_error`, logged with the request's id and masked.
 */
export function translateError(error: unknown, log: Log, requestId: string): GraphQLError {
  if (error instanceof GraphQLError && translated.has(error)) return error;
  const result = translate(error, log, requestId);
  // Compiled operations know where in the text a field is, but no longer its node.
  if (error instanceof GraphQLError && error.locations && !result.locations) {
    Object.defineProperty(result, 'locations', { value: error.locations, enumerable: true });
  }
  translated.add(result);
  return result;
}

function translate(error: unknown, log: Log, requestId: string): GraphQLError {
  const known = findAppError(error);
  const at =
    error instanceof GraphQLError
      ? { nodes: error.nodes, path: error.path, source: error.source, positions: error.positions }
      : {};
  if (known) {
    if (known.cause) log.warn({ err: known.cause, requestId, code: known.code }, known.message);
    const http = error instanceof GraphQLError ? error.extensions?.http : undefined;
    const extensions = {
      ...(http ? { http } : {}),
      code: known.code,
      ...(known.details ? { details: known.details } : {}),
    };
    return new GraphQLError(known.message, { ...at, extensions });
  }
  if (error instanceof GraphQLError && isRequestError(error)) {
    // `http` is Yoga's own word for the status; it leaves it out of the answer.
    const { http } = error.extensions ?? {};
    const path = VARIABLE_PATH.exec(error.message)?.[1] ?? error.path?.join('.') ?? '';
    const details = { fields: [{ path, message: error.message }] };
    return new GraphQLError(error.message, { ...at, extensions: { http, code: 'invalid_request', details } });
  }
  log.error({ err: error, requestId }, 'unexpected error');
  return new GraphQLError(MASKED, { ...at, extensions: { code: 'internal_error' } });
}
