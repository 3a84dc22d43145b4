import { type FieldProblem, invalidField, invalidRequest } from '../../platform/errors.ts';
import { isScope, SCOPE_PRESETS, SCOPES, type Scope } from '../access/scopes.ts';

export type PresetName = keyof typeof SCOPE_PRESETS;

/** How a key reads what OTLP sends. Fields that are left out stay as they are. */
export interface OtlpSettings {
  /** The input tokens of spans do not include those of a cache. Default false. */
  exclusiveInput?: boolean | null;
}

/** Exactly one of the two is given. */
interface ScopesInput {
  scopes?: readonly string[] | null;
  preset?: PresetName | null;
}

function findScopeProblems(given: readonly string[]): FieldProblem[] {
  if (given.length === 0) return [{ path: 'scopes', message: 'must name at least one scope' }];
  if (given.length > SCOPES.length) {
    return [{ path: 'scopes', message: `must have at most ${SCOPES.length} items` }];
  }
  return given.flatMap((text, index) =>
    isScope(text) ? [] : [{ path: `scopes.${index}`, message: `must be one of ${SCOPES.join(', ')}` }],
  );
}

/**
 * The scopes that a key is to have, in the order of {@link SCOPES}, each once.
 * @throws AppError invalid_request
 */
export function readScopes(input: ScopesInput): readonly Scope[] {
  const given = input.scopes ?? null;
  const preset = input.preset ?? null;
  if ((given === null) === (preset === null)) {
    throw invalidField('scopes', 'give either scopes or a preset, and not both');
  }
  if (preset !== null) return SCOPE_PRESETS[preset];
  const problems = findScopeProblems(given ?? []);
  if (problems.length > 0) throw invalidRequest(problems);
  return SCOPES.filter((scope) => given?.includes(scope));
}

/**
 * When a key is to expire; null: never.
 * @throws AppError invalid_request unless it is in the future
 */
export function readExpiry(expiresAt: Date | null, nowMs: number): Date | null {
  if (expiresAt === null || expiresAt.getTime() > nowMs) return expiresAt;
  throw invalidField('expiresAt', 'must be in the future; to end a key now, revoke it');
}
