import type { GraphQLError } from 'graphql';
import { cutText, ERROR_STATUS, type ErrorCode, type FieldProblem } from '../../platform/errors.ts';
import { respellMessage, snakePath, snakeRecord, WORDS } from './case.ts';

export interface ErrorEnvelope {
  error: { code: ErrorCode; message: string; details: Record<string, unknown> };
}

/** A failure as REST tells it. */
export interface RestFailure {
  status: number;
  headers: Record<string, string>;
  body: ErrorEnvelope;
}

interface Failure {
  code: ErrorCode;
  message: string;
  details?: Record<string, unknown> | undefined;
}

function isFieldList(value: unknown): value is FieldProblem[] {
  return Array.isArray(value);
}

function withoutInput(path: string): string {
  return path.replace(/^input\./, '');
}

function inSnakeCase({ path, message }: FieldProblem): FieldProblem {
  const name = withoutInput(path);
  return { path: WORDS.get(name) ?? snakePath(name), message: respellMessage(message) };
}

/**
 * Fields are named as REST spells them, in the message too; those that REST itself refused are
 * spelled so already.
 */
function respell({ code, message, details = {} }: Failure): ErrorEnvelope {
  const { fields, asWritten, retryAfterSeconds: _, ...rest } = details;
  if (!isFieldList(fields)) return { error: { code, message, details: snakeRecord(rest) } };
  const respelled = asWritten ? fields : fields.map(inSnakeCase);
  const first = respelled[0];
  const others = respelled.length - 1 + Number(rest.moreFields ?? 0);
  const more = others > 0 ? ` (and ${others} more)` : '';
  const text = first?.path ? cutText(`${first.path}: ${first.message}`) + more : (first?.message ?? message);
  return { error: { code, message: text, details: { ...snakeRecord(rest), fields: respelled } } };
}

/** The one translator of failures into REST: status, headers and envelope by code. */
export function translateFailure(failure: Failure): RestFailure {
  const headers: Record<string, string> = {};
  const retryAfterSeconds = failure.details?.retryAfterSeconds;
  if (retryAfterSeconds !== undefined) headers['Retry-After'] = String(retryAfterSeconds);
  if (failure.code === 'invalid_api_key' || failure.code === 'expired_api_key') headers['WWW-Authenticate'] = 'Bearer';
  return { status: ERROR_STATUS[failure.code], headers, body: respell(failure) };
}

/** What GraphQL reported, as a failure: its first error decides. */
export function fromGraphQLError(error: GraphQLError): Failure {
  const { code, details } = error.extensions as { code: ErrorCode; details?: Record<string, unknown> };
  return { code, message: error.message, details };
}
