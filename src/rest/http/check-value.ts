import type { z } from '@hono/zod-openapi';
import { AppError, type FieldProblem, invalidRequest } from '../../platform/errors.ts';

type Issue = z.core.$ZodIssue;

/** What to send instead, by the type that a schema expects. */
const EXPECTED = new Map<string, string>([
  ['string', 'must be a string'],
  ['number', 'must be a number'],
  ['int', 'must be a whole number'],
  ['boolean', 'must be true or false'],
  ['object', 'must be a JSON object'],
  ['record', 'must be a JSON object'],
  ['array', 'must be a list'],
]);
/** zod's own words, which name its types. */
const OWN_WORDS = /^(Invalid input|Too (big|small)|Unrecognized|Invalid (string|option|key))/;

function messageOf(issue: Issue): string {
  if (issue.input === undefined && issue.path.length > 0) return 'is required';
  if (!OWN_WORDS.test(issue.message)) return issue.message;
  if (issue.code === 'invalid_type') return EXPECTED.get(issue.expected) ?? `must be of type ${issue.expected}`;
  if (issue.code === 'too_big') return `must be at most ${issue.maximum}`;
  if (issue.code === 'too_small') return `must be at least ${issue.minimum}`;
  return 'is not of a form that this field takes';
}

function problemsOf(issue: Issue): FieldProblem[] {
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: path ? `${path}.${key}` : key, message: 'is not a known field' }));
  }
  const message = messageOf(issue);
  return [{ path, message: path === '' ? `The body ${message}.` : message }];
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
