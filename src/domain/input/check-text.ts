import type { FieldProblem } from '../../platform/errors.ts';

/**
 * Adds a problem when a string is empty, longer than `max` characters, or contains what PostgreSQL
 * cannot store (NUL, an unpaired surrogate). Such a string would fail a transaction that holds the
 * events of other callers, too.
 */
export function checkText(problems: FieldProblem[], path: string, text: string, max: number): void {
  if (text.length === 0) problems.push({ path, message: 'must not be empty' });
  else if (text.length > max) problems.push({ path, message: `must have at most ${max} characters` });
  else if (!isStorableText(text)) problems.push({ path, message: 'must not contain NUL or unpaired surrogates' });
}

/** Up to this length a loop over the characters is faster than two calls into the engine. */
const MAX_LOOP_LENGTH = 64;
const FIRST_SURROGATE = 0xd800;

/** Whether PostgreSQL can store the string. */
export function isStorableText(text: string): boolean {
  if (text.length <= MAX_LOOP_LENGTH) {
    let at = 0;
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === 0 || code >= FIRST_SURROGATE) break;
    }
    if (at === text.length) return true;
  }
  return !text.includes('\0') && text.isWellFormed();
}
