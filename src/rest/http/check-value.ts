import type { z } from '@hono/zod-openapi';
import { AppError, type FieldProblem, invalidRequest } from '../../platform/errors.ts';

type Issue = z.core.$ZodIssue;

function problemsOf(issue: Issue): FieldProblem[] {
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: path ? `${path}.${key}` : key, message: 'is not a known field' }));
  }
  if (issue.code === 'invalid_type' && issue.input === undefined) return [{ path, message: 'is required' }];
  return [{ path, message: issue.message.replace(/^Invalid input: /, '') }];
}

/** Every problem of a value that its schema refuses, or null. */
export function findProblems(issues: readonly Issue[]): FieldProblem[] {
  return issues.flatMap(problemsOf);
}

/**
 * What this door itself refuses: the paths are spelled as the caller wrote them, and must stay so.
 */
export function refuseAsWritten(fields: FieldProblem[]): AppError {
  const { code, message, details } = invalidRequest(fields);
  return new AppError(code, message, { details: { ...details, asWritten: true } });
}

/**
 * The value as its schema has it. @throws AppError invalid_request naming every field that is wrong
 */
export function checkValue<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw refuseAsWritten(findProblems(parsed.error.issues));
}
